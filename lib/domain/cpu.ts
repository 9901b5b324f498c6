/** The processor: how many, which model, which weight. */
import { el, type XmlElement } from '../xml/index.ts'
import type { CpuFeature, CpuPlan, DomainPlan } from './plan.ts'

/** <vcpu>, <cputune> and <cpu>. */
export function cpuElements({ cpu }: DomainPlan): XmlElement[] {
  const { sockets, coresPerSocket, shares, model } = cpu
  const vcpu = el('vcpu', { placement: 'static' }, sockets * coresPerSocket)
  const tune = shares === undefined ? [] : [el('cputune', {}, el('shares', {}, shares))]
  const topology = el('topology', { sockets, dies: 1, cores: coresPerSocket, threads: 1 })
  return [vcpu, ...tune, cpuElement(model, topology)]
}

/**
 * `check="partial"` makes libvirt compare with what the host (or the emulator) can do before the start and refuse
 * with the missing features by name; `none` would let QEMU drop them in silence, `full` refuses nearly every
 * emulated CPU for features that QEMU adds by itself.
 */
function cpuElement(model: CpuPlan, topology: XmlElement): XmlElement {
  switch (model.kind) {
    case 'model':
      return custom(model.model, topology, model.features ?? [])
    case 'features':
      return custom(
        model.base,
        topology,
        model.features.map((name) => ({ name, policy: 'require' })),
      )
    case 'host-model':
      return el('cpu', { mode: 'host-model', check: 'partial' }, topology)
    case 'host-passthrough':
      return el('cpu', { mode: 'host-passthrough', check: 'none', migratable: 'on' }, topology)
  }
}

function custom(model: string, topology: XmlElement, features: readonly CpuFeature[]): XmlElement {
  return el(
    'cpu',
    { mode: 'custom', match: 'exact', check: 'partial' },
    el('model', { fallback: 'forbid' }, model),
    topology,
    features.map(({ name, policy }) => el('feature', { policy, name })),
  )
}
