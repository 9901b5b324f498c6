// UEFI and TPM: what a guest's firmware and its TPM keep is its own for as long as the machine exists.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepInTpm, keptInTpm } from '../../support/guest-tpm.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

/** OVMF under emulation takes its time, more so beside other guests. */
const BOOT_SECONDS = 150

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'efi')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

it.concurrent('boots by UEFI; its variables outlive a stop and go with the machine', async () => {
  const { metadata } = await space.vm('uefi', { bootloader: 'EFI' })
  const variables = join(space.host.stateDir, 'nvram', `${metadata.uid}.fd`)
  const console = await space.console('uefi')
  expect((await console.see(/GUEST-READY .* fw=(\w+)\s/, BOOT_SECONDS))[1]).toBe('uefi')
  expect(await console.ask('ls -d /sys/firmware/efi')).toBe('/sys/firmware/efi')
  expect(await space.host.virsh('dumpxml', space.domain('uefi'))).toContain(`>${variables}</nvram>`)
  const { ino } = await stat(variables)

  const pid = await space.qemuPid('uefi')
  expect(await space.operate('uefi', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('uefi', pid)
  expect((await stat(variables)).ino, 'the same file').toBe(ino)

  await space.operate('uefi', 'Stop', true)
  await space.delete('VirtualMachine', 'uefi')
  await space.untilGone('VirtualMachine', 'uefi')
  await expect(stat(variables)).rejects.toThrow('ENOENT')
  expect(await space.host.virsh('list', '--all', '--name')).not.toContain(space.domain('uefi'))
})

it.concurrent('has a TPM as a Windows machine; what it keeps outlives a restart, and goes with the machine', async () => {
  const { host } = space
  const { metadata } = await space.vm('windows', { osType: 'Windows' })
  const first = await space.console('windows')
  await keepInTpm(first, '0123456789abcdef')
  const pid = await space.qemuPid('windows')
  expect(await space.operate('windows', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('windows', pid)
  expect(await keptInTpm(await space.console('windows'))).toBe('0123456789abcdef')
  expect(condition(await space.get('VirtualMachine', 'windows'), 'Migratable')).toMatchObject({ status: 'True' })

  await space.operate('windows', 'Stop', true)
  expect(await host.tpm(metadata.uid)).not.toBeNull()
  // libvirt does not erase it then, and has no definition any more to erase it with.
  await host.virsh('undefine', space.domain('windows'))
  expect(await host.tpm(metadata.uid)).not.toBeNull()
  await space.delete('VirtualMachine', 'windows')
  await space.untilGone('VirtualMachine', 'windows')
  expect(await host.tpm(metadata.uid)).toBeNull()
})
