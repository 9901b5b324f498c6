/** CPU models and features of this host as Node labels, under the names that DVP's classes and selectors use. */
import {
  CPU_FEATURE_LABEL,
  CPU_MODEL_LABEL,
  CPU_VENDOR_LABEL,
  HOST_MODEL_LABEL,
} from '../../lib/placement/cpu-labels.ts'
import { el, printXml } from '../../lib/xml/index.ts'
import type { DomainCapabilities, HostModel } from './domain-capabilities.ts'

/** `…/<model>: "true"` for each model that starts here, `…/<feature>: "true"` for each feature that guests can have. */
export function cpuLabels(
  { usableModels, hostModel }: Pick<DomainCapabilities, 'usableModels' | 'hostModel'>,
  features: readonly string[],
): Record<string, string> {
  const keys = [
    ...usableModels.map((model) => `${CPU_MODEL_LABEL}/${model}`),
    ...features.map((feature) => `${CPU_FEATURE_LABEL}/${feature}`),
    ...(hostModel === undefined ? [] : [`${HOST_MODEL_LABEL}/${hostModel.model}`]),
    ...(hostModel?.vendor === undefined ? [] : [`${CPU_VENDOR_LABEL}/${hostModel.vendor}`]),
  ]
  return Object.fromEntries(keys.filter(isLabelKey).map((key) => [key, 'true']))
}

/** Kubernetes' rule of a label's name part; what does not fit could not be stored. */
function isLabelKey(key: string): boolean {
  return /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(key.slice(key.indexOf('/') + 1))
}

/** The host's model as a CPU document, for ConnectBaselineHypervisorCPU to spell out. */
export function hostModelXml({ model, vendor, required, disabled }: HostModel): string {
  const feature = (policy: string) => (name: string) => el('feature', { policy, name })
  return printXml(
    el(
      'cpu',
      { mode: 'custom', match: 'exact' },
      el('model', { fallback: 'forbid' }, model),
      vendor === undefined ? undefined : el('vendor', {}, vendor),
      required.map(feature('require')),
      disabled.map(feature('disable')),
    ),
  )
}
