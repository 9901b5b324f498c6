/**
 * The screen: a VGA adapter, which firmware and every guest know (KubeVirt's and so DVP's choice on x86), and a VNC server
 * on a unix socket. libvirt makes the socket in the domain's own folder, which only root and QEMU's user may enter; no
 * port is opened, and who may look is decided by the API.
 */
import { el, type XmlElement } from '../../xml/index.ts'

/** Memory of the adapter, which QEMU takes beside the guest's: 16 MiB hold four million pixels. */
export const VIDEO_KIB = 16_384

export function screen(): XmlElement[] {
  return [
    el('graphics', { type: 'vnc' }, el('listen', { type: 'socket' })),
    el('video', {}, el('model', { type: 'vga', vram: VIDEO_KIB, heads: 1, primary: 'yes' })),
  ]
}
