// Where disks lie, where classes are usable, and how much room is promised already.
import { describe, expect, it } from 'vitest'
import { type ClassRoom, type Cluster, explain, type NodeFacts, type VmFacts } from '../../../../lib/placement/index.ts'
import { checkRows } from './filter-rows.ts'
import { clusterOf, GIB, host, machine } from './world.ts'

describe('storage', () => {
  type Disk = VmFacts['disks'][number]
  const root: Disk = {
    name: 'root',
    storageClass: 'fast',
    shared: false,
    node: null,
    bytes: GIB,
    made: false,
    folder: null,
  }
  const disk = (more: Partial<Disk> = {}): Partial<VmFacts> => ({ disks: [{ ...root, ...more }] })
  const room = (more: Partial<ClassRoom> = {}): NodeFacts['storageClasses'] =>
    new Map([['fast', { problem: null, freeBytes: 10 * GIB, totalBytes: 40 * GIB, folder: null, ...more }]])
  const storageClasses = room()
  const none: NodeFacts['storageClasses'] = new Map()
  const noClass = 'the node has no storage class fast, which the disk root is of'
  checkRows([
    { title: 'a disk that is not made yet', vm: disk(), host: { storageClasses }, reasons: [] },
    { title: 'no such class', vm: disk(), host: { storageClasses: none }, reasons: [noClass] },
    { title: 'classes are not known', vm: disk(), reasons: [] },
    { title: 'a disk here', vm: disk({ node: 'h1', made: true }), host: { storageClasses: none }, reasons: [] },
    { title: 'a disk elsewhere', vm: disk({ node: 'h2', made: true }), reasons: ['the disk root lies on h2'] },
    {
      title: 'a disk elsewhere that comes along',
      vm: disk({ node: 'h2', made: true }),
      ask: { migrate: true, current: 'h2' },
      host: { storageClasses },
      reasons: [],
    },
    {
      title: 'a disk that would come along to a host without its class',
      vm: disk({ node: 'h2', made: true }),
      ask: { migrate: true, current: 'h2' },
      host: { storageClasses: none },
      reasons: [noClass],
    },
    { title: 'a shared disk', vm: disk({ shared: true, made: true }), host: { storageClasses }, reasons: [] },
    {
      title: 'a shared disk that the host cannot reach',
      vm: disk({ shared: true, made: true }),
      host: { storageClasses: none },
      reasons: [noClass],
    },
    {
      title: 'a class whose folder is not usable',
      vm: disk(),
      host: { storageClasses: room({ problem: 'the folder /srv/fast cannot be written: EROFS' }) },
      reasons: ['the storage class fast: the folder /srv/fast cannot be written: EROFS'],
    },
    {
      title: 'less room than the disks need together',
      vm: { disks: [root, { ...root, name: 'data', bytes: 10 * GIB }] },
      host: { storageClasses },
      reasons: ['not enough room in the storage class fast: needs 11 GiB, 10 GiB of 40 GiB free'],
    },
    {
      title: 'no room for a disk that is there already',
      vm: disk({ node: 'h1', made: true, bytes: 20 * GIB }),
      host: { storageClasses },
      reasons: [],
    },
    {
      title: 'no room for a disk that comes along',
      vm: disk({ node: 'h2', made: true, bytes: 20 * GIB }),
      ask: { migrate: true, current: 'h2' },
      host: { storageClasses },
      reasons: ['not enough room in the storage class fast: needs 20 GiB, 10 GiB of 40 GiB free'],
    },
    {
      title: 'a shared disk in the folder that the host has, whatever new disks are told',
      vm: disk({ shared: true, made: true, folder: 'a' }),
      host: { storageClasses: room({ folder: 'a', problem: 'another folder than on h2' }) },
      reasons: [],
    },
    {
      title: 'a shared disk in another folder of that name',
      vm: disk({ shared: true, made: true, folder: 'a' }),
      host: { storageClasses: room({ folder: 'b' }) },
      reasons: ['the folder of the storage class fast on the node is not the one where the disk root is'],
    },
    {
      title: 'a shared disk while the folder of the host cannot be read',
      vm: disk({ shared: true, made: true, folder: 'a' }),
      host: { storageClasses: room({ problem: 'the folder does not answer' }) },
      reasons: ['the storage class fast: the folder does not answer'],
    },
  ])

  const explained = (cluster: Cluster, more: Partial<Disk>) =>
    explain(cluster, { vm: machine('new', disk(more)) }).map((verdict) => (verdict.fit ? null : verdict.reasons[0]))

  it('counts what was promised to disks of others until they are made', () => {
    const waiting = machine('other', disk({ node: 'h1', bytes: 8 * GIB }))
    const cluster = clusterOf([host('h1', { storageClasses })], [[waiting, 'h1']])
    const [refusal] = explained(cluster, { bytes: 3 * GIB })
    expect(refusal?.words).toBe('not enough room in the storage class fast: needs 3 GiB, 2 GiB of 40 GiB free')
    expect(refusal?.curable).toBe(false)
    cluster.place(machine('other', disk({ node: 'h1', bytes: 8 * GIB, made: true })), 'h1')
    expect(explained(cluster, { bytes: 3 * GIB })).toEqual([null])
  })

  it('counts what was promised in a shared folder on every host', () => {
    const waiting = machine('other', disk({ shared: true, bytes: 8 * GIB }))
    const cluster = clusterOf([host('h1', { storageClasses }), host('h2', { storageClasses })], [[waiting, 'h1']])
    expect(explained(cluster, { shared: true, bytes: 3 * GIB }).map((refusal) => refusal?.group)).toEqual([
      'insufficient room in the storage class fast',
      'insufficient room in the storage class fast',
    ])
    expect(explained(cluster, { shared: true, bytes: 2 * GIB })).toEqual([null, null])
  })

  it('promises what a machine on its way takes of its target', () => {
    const cluster = clusterOf([host('h1', { storageClasses }), host('h2', { storageClasses })])
    const moving = machine('moving', disk({ node: 'h1', made: true, bytes: 8 * GIB }))
    cluster.place(moving, 'h1')
    cluster.alsoPlace(moving, 'h2')
    expect(explained(cluster, { bytes: 3 * GIB })[1]?.words).toMatch(/needs 3 GiB, 2 GiB of 40 GiB free/)
    cluster.release(moving.uid, 'h2')
    expect(explained(cluster, { bytes: 3 * GIB })).toEqual([null, null])
  })
})
