/** Firmware, machine type and what the firmware tells the guest about its machine. */
import { el, type XmlElement } from '../xml/index.ts'
import type { DomainPlan, SmbiosPlan } from './plan.ts'

export function osElement({ machine, firmware }: DomainPlan): XmlElement {
  const type = el('type', { arch: 'x86_64', machine }, 'hvm')
  const smbios = el('smbios', { mode: 'sysinfo' })
  if (firmware.kind === 'bios') return el('os', {}, type, smbios)
  return el(
    'os',
    {},
    type,
    el('loader', { readonly: 'yes', type: 'pflash' }, firmware.codePath),
    el('nvram', { template: firmware.varsTemplate }, firmware.nvramPath),
    smbios,
  )
}

export function sysinfo(smbios: SmbiosPlan): XmlElement {
  const { manufacturer, product, version, serial, sku, family } = smbios
  const entries = Object.entries({ manufacturer, product, version, serial, sku, family }).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [el('entry', { name }, value)],
  )
  return el('sysinfo', { type: 'smbios' }, el('system', {}, entries))
}
