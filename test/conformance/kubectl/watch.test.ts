// Watching, and waiting for conditions, fields, deletion.
import { expect, it } from 'vitest'
import { disk, setStatus, withKubectls } from './kubectl.ts'
import { inFull } from './programs.ts'

withKubectls(inFull(), (world) => {
  const create = (name: string) => world.kubectl.ok(['create', '-f', '-'], disk(name, '1Gi'))

  it('watches', async () => {
    const { kubectl } = world
    await create('d1')
    const watching = kubectl.start(['get', 'vd', '-w', '--request-timeout=50s'])
    const seen: string[] = []
    const waitFor = (text: RegExp) => expect.poll(() => seen.join(''), { timeout: 40_000, interval: 50 }).toMatch(text)
    watching.stdout?.on('data', (chunk: Buffer) => void seen.push(chunk.toString()))
    await waitFor(/d1 /)
    await create('w1')
    await waitFor(/w1 /)
    await setStatus(world, 'w1', 'True')
    await waitFor(/w1\s+Ready\s+1Gi/)
    watching.kill('SIGINT')
    await watching
  })

  it('waits for conditions and fields', async () => {
    const { kubectl } = world
    await create('wait')
    expect(await kubectl.fails(['wait', 'vd/wait', '--for=condition=Ready', '--timeout=1s'])).toContain('timed out')
    const condition = kubectl.ok(['wait', 'vd/wait', '--for=condition=Ready', '--timeout=50s'])
    const field = kubectl.ok(['wait', 'vd/wait', '--for=jsonpath={.status.phase}=Ready', '--timeout=50s'])
    await setStatus(world, 'wait', 'False')
    await setStatus(world, 'wait', 'True')
    expect(await condition).toContain('condition met')
    expect(await field).toContain('condition met')
  })

  it('waits for deletion', async () => {
    const { kubectl } = world
    await kubectl.ok(['patch', 'vd', 'wait', '--type=merge', '-p', '{"metadata":{"finalizers":["berth/test"]}}'])
    await kubectl.ok(['delete', 'vd', 'wait', '--wait=false'])
    const gone = kubectl.ok(['wait', 'vd/wait', '--for=delete', '--timeout=50s'])
    await kubectl.ok(['patch', 'vd', 'wait', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'])
    await gone
  })
})
