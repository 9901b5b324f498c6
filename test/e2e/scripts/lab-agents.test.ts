// scripts/lab up with agents: reachable from outside with the kubeconfig, restarted when killed, given up when they cannot start.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folder, labEnv, labOk, namespacesOf, pidOf, processesIn, ROOT, traces } from './lab-tool.ts'

const { path: dir, remove } = folder()
const host = join(dir, 'hosts', 'h1')

beforeAll(async () => {
  await labOk('up', '1', '--dir', dir, '--allow', 'gateway:8000')
})
afterAll(async () => {
  await labOk('down', '--dir', dir)
  remove()
})

/** Node names as a client outside of the host sees them. */
const nodes = async () =>
  (await execa(`${ROOT}/bin/berth`, ['--kubeconfig', join(host, 'kubeconfig'), 'get', 'node', '-o', 'name'])).stdout

/** Polls until `look` gives a value; the last error of the deadline is thrown. */
async function eventually<T>(seconds: number, look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(100)) {
    const seen = await look().catch(() => undefined)
    if (seen !== undefined) return seen
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s`)
  }
}

const agentPid = async (not: number) => {
  const pid = pidOf(dir, 'h1', 'agent.pid')
  return pid > 0 && pid !== not ? pid : undefined
}

describe('a lab host with its agent', () => {
  it('is reached from outside over TLS with the kubeconfig, and by its socket', async () => {
    // The agent is ready before it has looked at all of its host.
    expect(await eventually(30, async () => (await nodes()) || undefined)).toBe('node/h1')
    const ready = await execa('curl', [
      '-sf',
      '--unix-socket',
      join(dir, 'hosts/h1/agent.sock'),
      'http://localhost/readyz',
    ])
    expect(ready.exitCode).toBe(0)
  })

  it('may download from the addresses that it was told', () => {
    expect(readFileSync(join(host, 'agent.yaml'), 'utf8')).toContain(`'${labEnv(dir).gateway}:8000'`)
  })

  it('gets its agent back after SIGKILL', async () => {
    const before = pidOf(dir, 'h1', 'agent.pid')
    process.kill(before, 'SIGKILL')
    const after = await eventually(20, () => agentPid(before))
    expect(await eventually(20, async () => ((await nodes()) === 'node/h1' ? true : undefined))).toBe(true)
    expect(pidOf(dir, 'h1', 'agent.pid')).toBe(after)
  })

  it('is left alone by a second up, and given a new agent when the options differ', async () => {
    const before = pidOf(dir, 'h1', 'agent.pid')
    await labOk('up', '1', '--dir', dir, '--allow', 'gateway:8000')
    expect(pidOf(dir, 'h1', 'agent.pid')).toBe(before)
    await labOk('up', '1', '--dir', dir, '--allow', 'gateway:8001')
    expect(pidOf(dir, 'h1', 'agent.pid')).not.toBe(before)
    expect(await nodes()).toBe('node/h1')
  })

  it('gives an agent up that fails again and again by itself', async () => {
    writeFileSync(join(host, 'agent.yaml'), 'noSuchKey: 1\n')
    process.kill(pidOf(dir, 'h1', 'agent.pid'), 'SIGKILL')
    const log = await eventually(100, async () => {
      const text = readFileSync(join(host, 'agent.log'), 'utf8')
      return text.includes('not started again') ? text : undefined
    })
    expect(log).toContain('noSuchKey')
    await labOk('up', '1', '--dir', dir)
    expect(await nodes()).toBe('node/h1')
  })

  it('ends with the lab', async () => {
    const namespaces = namespacesOf(pidOf(dir, 'h1', 'agent.pid'))
    await labOk('down', '--dir', dir)
    expect(processesIn(namespaces)).toEqual([])
    expect(await traces(labEnv(dir).run ?? '')).toEqual([])
  })
})
