/** USB with an absolute pointer: what a graphical console needs to have one mouse pointer and not two. */
import { el, type XmlElement } from '../../xml/index.ts'

export function tablet(): XmlElement[] {
  return [el('controller', { type: 'usb', index: 0, model: 'qemu-xhci' }), el('input', { type: 'tablet', bus: 'usb' })]
}
