// Who looks again after a word of a host. All who may are fakes that note it.
import { expect, it } from 'vitest'
import type { KubeObject } from '../../../lib/object.ts'
import { Heard, type HeardDeps } from '../../../scheduler/heard.ts'
import { byPlace, byUid, OPERATIONS_BY_VM, referenceOf, VMS_BY_REFERENCE } from '../../../scheduler/indexes.ts'
import type { HostBinding } from '../../../schemas/index.ts'
import { DISKS, HOST_BINDINGS, IMAGES, NODES, VMS } from '../../../schemas/resources.ts'

const object = (name: string): KubeObject => ({
  apiVersion: 'v',
  kind: 'k',
  metadata: { name, namespace: 'ns', uid: `${name}-uid`, resourceVersion: '1', creationTimestamp: 'then' },
})
const binding = (name: string, resource: string, phase: string) =>
  ({
    ...object(`${name}-uid`),
    spec: { epoch: 1, role: 'Owner', subject: { resource, uid: `${name}-uid` } },
    status: { phase, epoch: 1 },
  }) as unknown as HostBinding

/** The host h1 has the machine `web`; the scheduler knows it, its stop, and an image. */
function world() {
  const woken: string[] = []
  const wakes = (who: string) => ({ enqueue: (...what: string[]) => void woken.push(`${who} ${what.join(' ')}`) })
  const notes = (what: string) => (node: string) => void woken.push(`${what} ${node}`)
  const of: Record<string, readonly KubeObject[]> = {
    [`${byPlace(VMS)} h1`]: [object('web')],
    [`${byUid(VMS)} web-uid`]: [object('web')],
    [`${OPERATIONS_BY_VM} ns/web`]: [object('stop')],
    [`${byUid(DISKS)} root-uid`]: [object('root')],
    [`${VMS_BY_REFERENCE} ${referenceOf('VirtualDisk', 'ns', 'root')}`]: [object('web')],
  }
  const has = binding('web', VMS, 'Accepted')
  const made = {
    woken,
    view: { inSync: true, binding: () => has, bindings: () => [has] } as unknown,
    state: 'claiming',
    has,
  }
  const deps = {
    reader: {
      byIndex: (index: string, value: string) => of[`${index} ${value}`] ?? [],
      list: (resource: string) => (resource === IMAGES ? [object('image')] : []),
    },
    agents: { view: () => made.view },
    ruler: {
      term: 7,
      refusal: () => null,
      get state() {
        return { kind: made.state }
      },
    },
    nodes: () => ['h1'],
    binder: { ...wakes('binder'), drop: async (node: string) => notes('dropped')(node) },
    mirror: { ...wakes('mirror'), enqueueNode: notes('mirror') },
    orphans: { look: notes('orphans') },
    placement: { refresh: notes('placement') },
    disks: { turned: notes('disks'), controller: wakes('disk') },
    machines: { hope: () => woken.push('hope'), controller: wakes('machine') },
    power: wakes('power'),
    releases: new Map([[DISKS, wakes('release')]]),
    log: { info: () => undefined },
  }
  return Object.assign(made, { heard: new Heard(deps as unknown as HeardDeps) })
}

it('a binding that means something else wakes whoever decides by it', () => {
  const { heard, woken } = world()
  const before = binding('web', VMS, 'Released')
  heard.told('h1', { resource: HOST_BINDINGS, uid: 'web-uid', before })
  expect(woken).toEqual(['orphans h1', `binder h1 ${VMS} web-uid`, 'machine ns/web', `mirror h1 ${VMS} web-uid`])
})

it('what the binder has put itself is no news to it', () => {
  const { heard, woken } = world()
  heard.told('h1', { resource: HOST_BINDINGS, uid: 'web-uid', before: null, own: true })
  expect(woken).toEqual(['orphans h1', 'machine ns/web'])
})

it('what a host has of a disk is looked at by the disk, and by machines that name it', () => {
  const one = world()
  const has = binding('root', DISKS, 'Accepted')
  one.view = { inSync: true, binding: () => has, bindings: () => [has] }
  one.heard.told('h1', { resource: HOST_BINDINGS, uid: 'root-uid', before: null })
  const asked = [`binder h1 ${DISKS} root-uid`, 'release ns/root', 'disk ns/root', 'machine ns/web']
  expect(one.woken).toEqual(['orphans h1', ...asked, `mirror h1 ${DISKS} root-uid`])
})

it('a binding that means the same wakes nobody', () => {
  const { heard, woken, has } = world()
  heard.told('h1', { resource: HOST_BINDINGS, uid: 'web-uid', before: has })
  expect(woken).toEqual(['orphans h1'])
})

it('a copy is shown, and a Node is placed by', () => {
  const { heard, woken } = world()
  heard.told('h1', { resource: VMS, uid: 'web-uid', before: null })
  heard.told('h1', { resource: NODES, uid: 'node-uid', before: null })
  expect(woken).toEqual([`mirror h1 ${VMS} web-uid`, `mirror h1 ${NODES} h1`, 'placement h1'])
})

it('a host that is heard again is looked at whole', () => {
  const { heard, woken } = world()
  heard.turned('h1')
  expect(woken).toEqual([
    'placement h1',
    'mirror h1',
    'disks h1',
    'power ns/stop',
    'orphans h1',
    `binder h1 ${VMS} web-uid`,
    'machine ns/web',
    `mirror h1 ${VMS} web-uid`,
    `binder h1 ${VMS} web-uid`,
    `binder h1 ${IMAGES} image-uid`,
  ])
})

it('one that is being read, or is gone, tells nothing of its objects', () => {
  const one = world()
  one.view = { inSync: false }
  one.heard.turned('h1')
  one.view = null
  one.heard.turned('h1')
  const said = ['placement h1', 'mirror h1', 'disks h1', 'power ns/stop']
  expect(one.woken).toEqual([...said, ...said, 'dropped h1'])
})

it('hosts are looked at when the scheduler begins or ceases to rule, not for each that obeys', () => {
  const one = world()
  one.heard.ruled()
  expect(one.woken).toEqual(['hope'])
  one.state = 'ruling'
  one.heard.ruled()
  expect(one.woken).toContain('binder h1 '.concat(VMS, ' web-uid'))
  one.woken.length = 0
  one.heard.ruled()
  expect(one.woken).toEqual(['hope'])
})
