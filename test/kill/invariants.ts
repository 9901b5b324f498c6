// What must hold once an agent has come to rest, however often it was killed on the way there.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { KubeObject } from '../../lib/object.ts'
import type { VirtualMachine } from '../../schemas/index.ts'
import type { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'

const KINDS = [
  'VirtualMachine',
  'VirtualDisk',
  'VirtualImage',
  'ClusterVirtualImage',
  'VirtualMachineOperation',
] as const
const SETTLED: Readonly<Record<string, readonly string[]>> = {
  VirtualMachine: ['Running', 'Stopped'],
  VirtualDisk: ['Ready'],
  VirtualImage: ['Ready'],
  ClusterVirtualImage: ['Ready'],
  VirtualMachineOperation: ['Completed', 'Failed', 'Superseded'],
}

async function all<T extends KubeObject>(host: LabHost, kind: string): Promise<readonly T[]> {
  const catalog = await host.client.catalog()
  return (await host.client.objects.list<T>(catalog.resolve(kind), {})).items
}

const phaseOf = ({ status }: KubeObject): string => (status as { readonly phase?: string } | undefined)?.phase ?? 'none'
const label = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`

/** Until no object is on its way anywhere. */
export async function converged(host: LabHost, seconds = 90): Promise<void> {
  let moving: readonly string[] = []
  await waitFor(
    'everything at rest',
    seconds,
    async () => {
      const objects = (await Promise.all(KINDS.map((kind) => all(host, kind)))).flat()
      moving = objects
        .filter((one) => one.metadata.deletionTimestamp !== undefined || !SETTLED[one.kind]?.includes(phaseOf(one)))
        .map((one) => `${label(one)}: ${phaseOf(one)} ${JSON.stringify(one.status)}`)
      return moving.length === 0
    },
    () => moving.join('\n'),
  )
}

const uidsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => []))
    .filter((name) => /^[0-9a-f]{8}-/.test(name))
    .map((name) => name.slice(0, 36))
    .filter((uid, index, list) => list.indexOf(uid) === index)
    .sort()

/** Until each domain has the disks that its machine names, and its status shows just these. */
async function checkDisks(host: LabHost, running: readonly VirtualMachine[]): Promise<void> {
  const disks = await all(host, 'VirtualDisk')
  for (const { metadata } of running) {
    const { namespace = '', name } = metadata
    const uidsOf = (refs: readonly { readonly name?: string }[]) =>
      disks
        .filter((disk) => disk.metadata.namespace === namespace && refs.some((ref) => ref.name === disk.metadata.name))
        .map((disk) => disk.metadata.uid)
        .sort()
        .join(' ')
    let seen: Readonly<Record<string, string>> = {}
    await waitFor(
      `the disks of ${name}`,
      30,
      async () => {
        const vm = (await all<VirtualMachine>(host, 'VirtualMachine')).find((one) => one.metadata.uid === metadata.uid)
        const sources = await host.virsh('domblklist', `${namespace}.${name}`)
        const domain = [...sources.matchAll(/\/disks\/([0-9a-f-]{36})\.qcow2/g)].map(([, uid = '']) => uid)
        const attached = vm?.status?.blockDeviceRefs?.filter((device) => device.attached) ?? []
        seen = {
          spec: uidsOf(vm?.spec.blockDeviceRefs ?? []),
          domain: domain.sort().join(' '),
          status: uidsOf(attached),
        }
        return seen.domain === seen.spec && seen.status === seen.spec
      },
      () => JSON.stringify(seen, null, 1),
    )
  }
}

/** Domains, processes, files and statuses agree with the objects, both ways. */
export async function checkInvariants(host: LabHost): Promise<void> {
  const vms = await all<VirtualMachine>(host, 'VirtualMachine')
  const domains = (await host.virsh('list', '--all', '--uuid')).split('\n').filter(Boolean)
  const running = (await host.virsh('list', '--uuid')).split('\n').filter(Boolean)
  expect(
    domains.filter((uuid) => !vms.some(({ metadata }) => metadata.uid === uuid)),
    'domains without an object',
  ).toEqual([])
  const shouldRun = vms.filter((vm) => phaseOf(vm) === 'Running').map(({ metadata }) => metadata.uid)
  expect(running.sort(), 'what runs is what status says').toEqual(shouldRun.sort())

  const processes = (await host.exec('ps', 'axww', '-o', 'args'))
    .split('\n')
    .filter((line) => line.includes('qemu-system') && line.includes('-uuid '))
  const uuids = processes.map((line) => /-uuid (\S+)/.exec(line)?.[1] ?? '').sort()
  expect(uuids, 'one QEMU per virtual machine that runs').toEqual([...shouldRun].sort())

  const uids = (list: readonly KubeObject[]) => list.map(({ metadata }) => metadata.uid).sort()
  const disks = await all(host, 'VirtualDisk')
  await checkDisks(
    host,
    vms.filter((vm) => phaseOf(vm) === 'Running'),
  )
  const images = [...(await all(host, 'VirtualImage')), ...(await all(host, 'ClusterVirtualImage'))]
  expect(await uidsIn(join(host.stateDir, 'disks')), 'files of disks').toEqual(uids(disks))
  expect(await uidsIn(join(host.stateDir, 'images/objects')), 'claims of images').toEqual(uids(images))
  expect(await readdir(join(host.stateDir, 'images/tmp')), 'unfinished imports').toEqual([])
  for (const folder of ['seeds', 'nvram', 'console'])
    expect(
      (await uidsIn(join(host.stateDir, folder))).filter((uid) => !uids(vms).includes(uid)),
      folder,
    ).toEqual([])
}
