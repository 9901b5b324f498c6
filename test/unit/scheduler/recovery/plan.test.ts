// From what hosts have to the objects of their scheduler.
import { describe, expect, it } from 'vitest'
import { type HostFinds, planRebuild } from '../../../../scheduler/recovery/plan.ts'
import {
  DISCOVERED_CPU,
  type HostBinding,
  type HostBindingStatus,
  type VirtualMachine,
} from '../../../../schemas/index.ts'
import { aBinding, clusterVm, RULER } from '../../../support/bindings.ts'
import { aClass } from '../../../support/objects.ts'

const NOW = '2026-01-01T00:00:00Z'
const vm = clusterVm()
const { uid } = vm.metadata

const host = (node: string, bindings: readonly HostBinding[], berth?: object): HostFinds => ({
  node,
  url: `https://${node}:8750`,
  object: null,
  bindings,
  machines: new Map(berth === undefined ? [] : [[uid, { ...vm, status: { berth } } as VirtualMachine]]),
})
const accepted = (status: Partial<HostBindingStatus> = {}): HostBindingStatus => ({ phase: 'Accepted', ...status })
const owner = (epoch: number, status = accepted({ epoch })) =>
  aBinding({ epoch }, [vm, aClass({ cpu: { type: 'Host' } })], status)

describe('a rebuild', () => {
  it('takes a machine up with its uid, its host, its epoch and what the host remembers of it', () => {
    const plan = planRebuild([host('h1', [owner(3)], { power: { marker: 'Stopped' } })], NOW)
    expect(plan.objects.map(({ object }) => object.kind)).toEqual(['VirtualMachineClass', 'VirtualMachine'])
    expect(plan.objects[1]?.object.metadata.uid).toBe(uid)
    expect(plan.objects[1]?.berth).toEqual({
      placement: { node: 'h1', epoch: 3, since: NOW },
      epoch: 3,
      host: { power: { marker: 'Stopped' } },
    })
    expect(plan.namespaces).toEqual(['default'])
    expect(plan.lost).toEqual([])
  })

  it('keeps the CPU that the machines of a class were started with', () => {
    const cpu = { model: 'Haswell', features: [{ name: 'avx2', policy: 'disable' as const }], enabled: ['aes'] }
    const discovery = aClass({ cpu: { type: 'Discovery' } })
    const annotations = { [DISCOVERED_CPU]: JSON.stringify(cpu) }
    const carried = { ...discovery, metadata: { ...discovery.metadata, annotations } }
    const plan = planRebuild([host('h1', [aBinding({ epoch: 1 }, [vm, carried], accepted())])], NOW)
    expect(plan.objects[0]).toMatchObject({ object: { kind: 'VirtualMachineClass' }, berth: null, discovered: cpu })
  })

  it('believes the highest epoch; whoever has an older one is still to let go', () => {
    const plan = planRebuild([host('h1', [owner(2)]), host('h2', [owner(4)])], NOW)
    expect(plan.objects.at(-1)?.berth).toMatchObject({
      placement: { node: 'h2', epoch: 4 },
      leaving: [{ node: 'h1', epoch: 2 }],
    })
  })

  it('knows the target of a move that has committed as the owner', () => {
    const target = aBinding(
      { epoch: 5, role: 'Target' },
      [vm],
      accepted({ migration: { id: 'm', phase: 'Committed' } }),
    )
    const plan = planRebuild([host('h1', [owner(4)]), host('h2', [target])], NOW)
    expect(plan.objects.at(-1)?.berth).toMatchObject({ placement: { node: 'h2', epoch: 5 } })
  })

  it('decides nothing about a machine that is moving, and says so', () => {
    const source = owner(4, accepted({ migration: { id: 'm', phase: 'Transferring' } }))
    const plan = planRebuild([host('h1', [source])], NOW)
    expect(plan.objects.some(({ object }) => object.kind === 'VirtualMachine')).toBe(false)
    expect(plan.lost).toEqual([
      expect.stringMatching(/web: it is moving \(h1: Transferring\).*run --rebuild --missing again/),
    ])
  })

  it('forgets what is gone everywhere, and tells of what was being deleted', () => {
    const gone = aBinding({ epoch: 2, role: 'Released' }, [], { phase: 'Released' })
    expect(planRebuild([host('h1', [gone])], NOW)).toMatchObject({ objects: [], lost: [] })
    const going = aBinding({ epoch: 2, deleted: true }, [vm], accepted())
    expect(planRebuild([host('h1', [going])], NOW).lost).toEqual([expect.stringMatching(/being deleted on h1/)])
  })

  it('knows the newest revision that any host was told of', () => {
    const late = aBinding({ epoch: 1, ruler: { ...RULER, revision: '90071992547409930' } }, [vm], accepted())
    expect(planRebuild([host('h1', [late])], NOW).revision).toBe(90071992547409930n)
  })
})
