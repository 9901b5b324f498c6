// CPU models and features that the VM's class asks for, by the labels that hosts' agents write.
import { CPU_FEATURE_LABEL, CPU_MODEL_LABEL, HOST_MODEL_LABEL } from '../cpu-labels.ts'
import { type NodeFilter, refuse } from '../filter.ts'

const name = 'CpuModel'

export const CPU_MODEL: NodeFilter = {
  name,
  check({ vm: { cpu } }) {
    const { model, features = [], hostModel } = cpu
    if (model === undefined && features.length === 0 && hostModel === undefined) return null
    return ({ labels }) => {
      if (model !== undefined && !Object.hasOwn(labels, `${CPU_MODEL_LABEL}/${model}`))
        return refuse(name, `CPU model ${model} does not run there`, `the CPU model ${model} does not run on the node`)
      if (hostModel !== undefined && !Object.hasOwn(labels, `${HOST_MODEL_LABEL}/${hostModel}`)) {
        const words = `the VM runs with the CPU of its host (${hostModel}), and the node has another one`
        return refuse(name, 'another CPU than the VM runs with', words)
      }
      const missing = features.filter((feature) => !Object.hasOwn(labels, `${CPU_FEATURE_LABEL}/${feature}`))
      return missing.length === 0
        ? null
        : refuse(name, lackWords(missing), `the node's CPU lacks ${missing.join(', ')}`)
    }
  },
}

const NAMED = 3

/** `without the CPU features vmx, avx512f` */
function lackWords(missing: readonly string[]): string {
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : ''
  return `without the CPU feature${missing.length === 1 ? '' : 's'} ${missing.slice(0, NAMED).join(', ')}${more}`
}
