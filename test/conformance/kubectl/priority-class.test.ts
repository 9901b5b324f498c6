// PriorityClass as kubectl makes, shows and explains it.
import { expect, it } from 'vitest'
import { withKubectls } from './kubectl.ts'
import { inFull } from './programs.ts'

withKubectls(inFull(), (world) => {
  it('is created, listed, explained, patched and deleted', async () => {
    const { kubectl } = world
    const create = ['create', 'priorityclass', 'high', '--value=1000', '--preemption-policy=Never', '--description=d']
    expect(await kubectl.ok(create)).toContain('priorityclass.scheduling.k8s.io/high created')
    expect(await kubectl.ok(['get', 'pc'])).toMatch(/NAME\s+VALUE\s+GLOBAL-DEFAULT\s+AGE[\s\S]*high\s+1000\s+false/)
    expect(await kubectl.ok(['explain', 'priorityclass.preemptionPolicy'])).toContain('preemptionPolicy')
    expect(await kubectl.fails(['patch', 'pc', 'high', '--type=merge', '-p', '{"value":7}'])).toContain('immutable')
    expect(await kubectl.ok(['patch', 'pc', 'high', '-p', '{"description":"other"}'])).toContain('patched')
    expect(await kubectl.fails(['create', 'priorityclass', 'system-x', '--value=1'])).toContain('reserved')
    expect(await kubectl.ok(['create', 'pc', 'low', '--value=-5'])).toContain('created')
    expect(await kubectl.ok(['create', 'pc', 'none'])).toContain('created')
    expect(await kubectl.ok(['get', 'pc', 'low', '-o', 'jsonpath={.value}'])).toBe('-5')
    expect(await kubectl.ok(['delete', 'pc', 'high', 'low', 'none'])).toContain('deleted')
  })
})
