// scripts/up and scripts/down on a machine without systemd, with HOME empty: a first guest from nothing, again for free, and back
// after down.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { labOk, ROOT } from './lab-tool.ts'
import { type Machine, startMachine } from './machine.ts'

const UP_SECONDS = 300
let machine: Machine

beforeAll(async () => {
  // The machine has no network to fetch the guest's packages from.
  await labOk('image', '--dir', join(ROOT, '.cache', 'guest'))
  machine = await startMachine()
})
afterAll(async () => {
  await machine.stop()
})

/** A script of the checkout, with an environment that has only a PATH and an empty HOME. */
const script = (name: string) =>
  machine.run(UP_SECONDS, 'env', '-i', `PATH=${process.env.PATH}`, 'HOME=', join(ROOT, 'scripts', name))

const sh = async (line: string) => (await machine.run(60, 'bash', '-c', line)).stdout

const firstVm = async () => JSON.parse(await sh('berth get vm first-vm -o json')).status as Record<string, unknown>

describe('scripts/up and scripts/down', { timeout: 2 * UP_SECONDS * 1000 }, () => {
  it('boots a first machine, does nothing the second time, stops everything, and brings it back', async () => {
    const first = await script('up')
    expect(first.exitCode, first.stderr).toBe(0)
    expect(first.stdout).toContain('berth console first-vm')
    const vm = await firstVm()
    expect(vm).toMatchObject({ phase: 'Running', ipAddress: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/) })
    expect(first.stderr).toContain(`first-vm runs and has the address ${vm.ipAddress}`)
    const agent = await sh('cat /run/berth/agent.pid')
    const config = await sh('cat /etc/berth/agent.yaml')
    const qemu = await sh('pgrep -x qemu-system-x86')
    expect(qemu).toMatch(/^\d+$/)

    const second = await script('up')
    expect(second.exitCode, second.stderr).toBe(0)
    expect(await sh('cat /run/berth/agent.pid')).toBe(agent)
    expect(await sh('cat /etc/berth/agent.yaml')).toBe(config)
    expect(await sh('pgrep -x qemu-system-x86')).toBe(qemu)

    const down = await script('down')
    expect(down.exitCode, down.stderr).toBe(0)
    expect(down.stderr).not.toContain('cut off')
    expect(await sh(`pgrep -x "qemu-system-x86|libvirtd|dnsmasq|virtlogd" ; pgrep -f 'bin/berth-agent --config'`)).toBe(
      '',
    )
    expect(await sh('ip -o link show | grep -v " lo:"')).toBe('')
    expect(await sh('ls /var/lib/berth/kubeconfig')).toBe('/var/lib/berth/kubeconfig')
    expect((await script('down')).exitCode).toBe(0)

    const again = await script('up')
    expect(again.exitCode, again.stderr).toBe(0)
    expect((await firstVm()).phase).toBe('Running')
    expect((await script('down')).exitCode).toBe(0)
  })

  it('keeps a configuration of the operator, comments included', async () => {
    await sh("printf '# mine\\nlog: {level: debug} # loud\\n' > /etc/berth/agent.yaml")
    const run = await script('up')
    expect(run.exitCode, run.stderr).toBe(0)
    const config = await sh('cat /etc/berth/agent.yaml')
    expect(config).toContain('# mine\n')
    expect(config).toMatch(/level: debug ?\} # loud/)
    expect(config).toContain('127.0.0.1:18750')
    expect((await script('down')).exitCode).toBe(0)
  })
})
