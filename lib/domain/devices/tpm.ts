/**
 * A TPM 2.0 whose state outlives everything but the machine: with `persistent_state` libvirt erases it only when an undefine asks for that,
 * and not when a domain without a definition ends. CRB is the interface of TPM 2.0; firmware and every guest with such a driver know it.
 */
import { el, type XmlElement } from '../../xml/index.ts'
import type { DomainPlan } from '../plan.ts'

export function tpmDevice({ tpm }: Pick<DomainPlan, 'tpm'>): XmlElement[] {
  if (!tpm) return []
  return [el('tpm', { model: 'tpm-crb' }, el('backend', { type: 'emulator', version: '2.0', persistent_state: 'yes' }))]
}
