// A scheduler's state folder as that of a cluster that has run for a while: hosts that have joined, an image that all have, machines that
// run. And what each host's agent has of it.
import { pino } from 'pino'
import { createApiServer } from '../../../lib/apiserver/server.ts'
import type { Clock } from '../../../lib/clock.ts'
import { ownerIndexes } from '../../../lib/controllers/owners.ts'
import { type KubeObject, nameOf } from '../../../lib/object.ts'
import { Cache } from '../../../lib/reconcile/cache.ts'
import { databaseOf } from '../../../lib/server/database.ts'
import { makeFirstObjects } from '../../../lib/server/first-objects.ts'
import { openSqliteStore } from '../../../lib/store/sqlite/open.ts'
import { MAX_OPS, type Store } from '../../../lib/store/store.ts'
import { digestOf, PUT_DIGEST } from '../../../scheduler/binder/copies.ts'
import { wishesOf } from '../../../scheduler/binder/wishes.ts'
import { HOSTS_FINALIZER } from '../../../scheduler/controllers/virtualmachine/finalizer.ts'
import { CLUSTER_INDEXES } from '../../../scheduler/indexes.ts'
import { mirrored, mirroredNode, mirroredVm } from '../../../scheduler/mirror/status.ts'
import {
  type ClusterVirtualImage,
  type HostBinding,
  KINDS,
  type Node,
  type VirtualMachine,
} from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, NODES, VM_CLASSES, VMS } from '../../../schemas/resources.ts'
import {
  CLASS_DRAFT,
  draftOf,
  hostName,
  IMAGE_DRAFT,
  imageBerth,
  imageCopy,
  MACHINE_KINDS,
  machineCopy,
  nodeCopy,
  nodeDraft,
  placedAt,
} from './objects.ts'

export interface Filling {
  readonly hosts: number
  readonly perHost: number
  /** Where all agents answer, each under its own name. */
  readonly url: string
  readonly clock: Clock
}

/** What an agent has, by plural. */
export type Holdings = Map<'hostbindings' | 'nodes' | 'virtualmachines' | 'clustervirtualimages', KubeObject[]>

/** @returns by name of the host */
export async function fill(stateDir: string, filling: Filling): Promise<ReadonlyMap<string, Holdings>> {
  const { hosts, perHost, url, clock } = filling
  const store = await openSqliteStore({ ...databaseOf(stateDir), clock })
  try {
    const server = await createApiServer({
      store,
      kinds: KINDS,
      clock,
      log: pino({ level: 'silent' }),
      version: 'bench',
    })
    const { resources } = server
    await makeFirstObjects(resources)
    await resources.create(VM_CLASSES, CLASS_DRAFT as never)
    const image = await resources.create<ClusterVirtualImage>(CLUSTER_IMAGES, IMAGE_DRAFT as never)
    const names = Array.from({ length: hosts }, (_, index) => hostName(index))
    await resources.modifyStatus<ClusterVirtualImage>(
      CLUSTER_IMAGES,
      { ...nameOf(image), uid: image.metadata.uid },
      (_, current) =>
        mirrored(
          { ...current, status: { berth: imageBerth(names) } } as KubeObject,
          imageCopy(current),
        ) as unknown as ClusterVirtualImage['status'],
      { finalizer: HOSTS_FINALIZER },
    )
    for (const [index, name] of names.entries()) {
      const node = await resources.create<Node>(NODES, nodeDraft(index, url) as never)
      await resources.modifyStatus<Node>(NODES, { namespace: '', name, uid: node.metadata.uid }, (_, current) =>
        mirroredNode(current, nodeCopy(current), null, clock.now()),
      )
    }
    const models = await modelsOf(resources)
    const numbers = Array.from({ length: hosts * perHost }, (_, number) => number)
    for (let from = 0; from < numbers.length; from += MAX_OPS)
      await store.transact(
        numbers.slice(from, from + MAX_OPS).map((number) => {
          const value = machineOf(models, number, hostName(number % hosts))
          return { op: 'create', key: { resource: VMS, ...nameOf(value) }, value }
        }),
      )
    await server.close(0)
    return await holdingsOf(store, url)
  } finally {
    await store.close()
  }
}

/** One machine of each kind as the API makes it: the others differ from it in name and place alone. */
async function modelsOf(resources: Awaited<ReturnType<typeof createApiServer>>['resources']) {
  const models: VirtualMachine[] = []
  for (const kind of MACHINE_KINDS) {
    const made = await resources.create<VirtualMachine>(VMS, draftOf(`model-${kind}`, 0, kind, {}) as never)
    const target = { ...nameOf(made), uid: made.metadata.uid }
    const placed = await resources.modifyStatus<VirtualMachine>(
      VMS,
      target,
      () => ({ berth: placedAt(hostName(0)) }) as unknown as VirtualMachine['status'],
      { finalizer: HOSTS_FINALIZER },
    )
    const told = await resources.modifyStatus<VirtualMachine>(VMS, target, (_, current) =>
      mirroredVm(current, machineCopy(current, hostName(0), 'Running')),
    )
    if (placed === null || told === null) throw new Error('the model of a machine is gone')
    models.push(told)
    await resources.removeFinalizer(VMS, target, HOSTS_FINALIZER)
    await resources.delete(VMS, nameOf(made))
  }
  return models
}

function machineOf(models: readonly VirtualMachine[], number: number, node: string): VirtualMachine {
  const at = Math.floor(number / 6) % models.length
  const [model, kind] = [models[at], MACHINE_KINDS[at]]
  if (model === undefined || kind === undefined) throw new Error('there is no model of the machine')
  const draft = draftOf(`old-${number}`, number, kind, {})
  const metadata = { ...model.metadata, ...draft.metadata, uid: `old-uid-${number}` }
  const named = { ...model, metadata, spec: { ...model.spec, ...draft.spec } } as VirtualMachine
  const own = { ...named, status: { ...named.status, berth: placedAt(node) } } as unknown as VirtualMachine
  return { ...own, status: mirroredVm(own, machineCopy(own, node, 'Running')) } as VirtualMachine
}

/** Bindings are as the scheduler's own binder would have put them, so that it finds nothing to do. */
async function holdingsOf(store: Store, url: string): Promise<ReadonlyMap<string, Holdings>> {
  const reader = new Cache({
    store,
    resources: KINDS.map(({ resource }) => resource),
    indexes: { ...ownerIndexes(KINDS), ...CLUSTER_INDEXES },
  })
  await reader.start()
  const deps = { reader, nodes: () => reader.list(NODES).map(({ metadata }) => metadata.name), urlOf: () => url }
  const bindings = (resource: string, object: KubeObject): readonly (readonly [string, HostBinding])[] =>
    [...wishesOf(resource, object, new Map(), deps)].flatMap(([node, wish]) => {
      if (wish === 'wait') throw new Error(`${object.metadata.name} waits for something`)
      const { uid, creationTimestamp } = object.metadata
      const annotations = { [PUT_DIGEST]: digestOf(wish.spec, wish.objects) }
      const binding = {
        apiVersion: 'cluster.berth/v1',
        kind: 'HostBinding',
        metadata: { name: uid, uid: `binding-${uid}-${node}`, resourceVersion: '1', creationTimestamp, annotations },
        spec: { ...wish.spec, ruler: { instance: 'before', term: 1, revision: '1' } },
        status: { phase: 'Accepted', epoch: wish.spec.epoch },
      } as HostBinding
      return [[node, binding] as const]
    })
  const held = new Map(
    reader.list<Node>(NODES).map((node) => [
      node.metadata.name,
      new Map<string, KubeObject[]>([
        ['hostbindings', []],
        ['nodes', [nodeCopy(node)]],
        ['virtualmachines', []],
        ['clustervirtualimages', []],
      ]) as Holdings,
    ]),
  )
  const give = (
    node: string,
    plural: 'virtualmachines' | 'clustervirtualimages',
    copy: KubeObject,
    binding: HostBinding,
  ) => {
    held.get(node)?.get('hostbindings')?.push(binding)
    held.get(node)?.get(plural)?.push(copy)
  }
  for (const image of reader.list<ClusterVirtualImage>(CLUSTER_IMAGES))
    for (const [node, binding] of bindings(CLUSTER_IMAGES, image))
      give(node, 'clustervirtualimages', imageCopy(image), binding)
  for (const vm of reader.list<VirtualMachine>(VMS))
    for (const [node, binding] of bindings(VMS, vm))
      give(node, 'virtualmachines', machineCopy(vm, node, 'Running'), binding)
  reader.stop()
  return held
}
