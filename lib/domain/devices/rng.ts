/** A source of entropy, so that a guest's first boot does not wait for keys. */
import { el, type XmlElement } from '../../xml/index.ts'

export function rng(): XmlElement {
  return el('rng', { model: 'virtio' }, el('backend', { model: 'random' }, '/dev/urandom'))
}
