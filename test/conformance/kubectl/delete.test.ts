// Deletion in each way, with the garbage collector that every server of Berth has.
import { expect, it } from 'vitest'
import { disk, type World, withKubectls } from './kubectl.ts'
import { inFull } from './programs.ts'

/** A disk and a ConfigMap that it owns. */
async function family({ kubectl }: World, name: string): Promise<void> {
  await kubectl.ok(['create', '-f', '-'], disk(name, '1Gi'))
  const { metadata, kind } = await kubectl.object('vd', name)
  const owner = {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind,
    name,
    uid: metadata.uid,
    blockOwnerDeletion: true,
  }
  const child = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ownerReferences: [owner] } }
  await kubectl.ok(['create', '-f', '-'], JSON.stringify(child))
}

withKubectls(
  inFull(),
  (world) => {
    const left = async () =>
      (await world.kubectl.ok(['get', 'vd,cm', '-o', 'name'])).split('\n').filter((line) => line !== '')
    const gone = () => expect.poll(left, { timeout: 30_000, interval: 100 }).toEqual([])

    it('deletes by name, file, all', async () => {
      const { kubectl } = world
      await kubectl.ok(
        ['create', '-f', '-'],
        [disk('a', '1Gi'), disk('b', '1Gi', '{x: "1"}'), disk('c', '1Gi'), disk('d', '1Gi')].join('---\n'),
      )
      expect(await kubectl.ok(['delete', 'vd', 'a'])).toContain('"a" deleted')
      expect(await kubectl.ok(['delete', 'vd', '-l', 'x=1'])).toContain('"b" deleted')
      expect(await kubectl.ok(['delete', '-f', '-'], disk('c', '1Gi'))).toContain('deleted')
      expect(await kubectl.ok(['delete', 'vd', 'a', '--ignore-not-found'])).toBe('')
      expect(await kubectl.fails(['delete', 'vd', 'a'])).toContain('not found')
      expect(await kubectl.ok(['delete', 'vd', '--all', '--now'])).toContain('"d" deleted')
      expect((await kubectl.run(['get', 'vd'])).err).toContain('No resources found')
    })

    it('takes dependents along in the background, and before itself in the foreground', async () => {
      for (const cascade of ['background', 'foreground']) {
        await family(world, 'f')
        await world.kubectl.ok(['delete', 'vd', 'f', `--cascade=${cascade}`])
        await gone()
      }
    })

    it('leaves dependents behind as orphans', async () => {
      const { kubectl } = world
      await family(world, 'o')
      await kubectl.ok(['delete', 'vd', 'o', '--cascade=orphan'])
      const owners = () => kubectl.ok(['get', 'cm', 'o', '-o', 'jsonpath={.metadata.ownerReferences}'])
      await expect.poll(owners, { timeout: 30_000, interval: 100 }).toBe('')
      await kubectl.ok(['delete', 'cm', 'o'])
    })

    it('deletes a collection at once', async () => {
      const { kubectl } = world
      await kubectl.ok(['create', '-f', '-'], [disk('x', '1Gi', '{x: "1"}'), disk('keep', '1Gi')].join('---\n'))
      const path = `/apis/virtualization.deckhouse.io/v1alpha2/namespaces/${kubectl.namespace}/virtualdisks`
      const out = JSON.parse(await kubectl.ok(['delete', '--raw', `${path}?labelSelector=x%3D1`]))
      expect(out.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['x'])
      expect(await left()).toEqual(['virtualdisk.virtualization.deckhouse.io/keep'])
    })

    it('deletes a namespace with all in it', async () => {
      const { kubectl } = world
      const space = `${kubectl.namespace}-gone`
      await kubectl.ok(['create', 'namespace', space])
      await kubectl.ok(['create', '-f', '-', '-n', space], disk('z', '1Gi'))
      expect(await kubectl.ok(['delete', 'namespace', space, '--timeout=50s'])).toContain('deleted')
      expect(await kubectl.fails(['get', 'ns', space])).toContain('not found')
    })
  },
  { collects: true },
)
