import { describe, expect, it } from 'vitest'
import { chooseSockets } from '../../../agent/libvirt-sockets.ts'

const LIBVIRTD = '/run/libvirt/libvirt-sock'
const QEMU = '/run/libvirt/virtqemud-sock'
const NETWORK = '/run/libvirt/virtnetworkd-sock'
const host =
  (...paths: readonly string[]) =>
  (path: string) =>
    Promise.resolve(paths.includes(path))

describe('the daemons to talk to', () => {
  it('takes libvirtd where it runs, even beside modular ones', async () => {
    expect(await chooseSockets({}, host(LIBVIRTD, QEMU))).toEqual({ qemu: LIBVIRTD, network: null })
  })
  it('takes the modular ones where there is no libvirtd', async () => {
    expect(await chooseSockets({}, host(QEMU, NETWORK))).toEqual({ qemu: QEMU, network: NETWORK })
  })
  it('waits for libvirtd where there is nothing yet', async () => {
    expect(await chooseSockets({}, host())).toEqual({ qemu: LIBVIRTD, network: null })
  })
  it('does what was configured', async () => {
    expect(await chooseSockets({ socket: '/a' }, host(QEMU))).toEqual({ qemu: '/a', network: null })
    expect(await chooseSockets({ socket: '/a', networkSocket: '/b' }, host())).toEqual({ qemu: '/a', network: '/b' })
    expect(await chooseSockets({ socket: QEMU }, host())).toEqual({ qemu: QEMU, network: NETWORK })
  })
})
