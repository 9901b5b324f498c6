// scripts/up and scripts/down on a machine without systemd, with HOME empty: a first guest from nothing, again for free, and back
// after down.

import { describe, expect, it } from 'vitest'
import { UP_SECONDS, upMachine } from './up-tool.ts'

const { sh, script, leftovers } = upMachine()

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
    expect(await leftovers()).toBe('')
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

  it('says what to do when another program has the port, and goes on once it is free', async () => {
    await sh(`setsid node -e "require('net').createServer().listen(8750, '127.0.0.1')" </dev/null >/dev/null 2>&1 & echo $! >/run/squatter
      until ss -ltn | grep -q 127.0.0.1:8750; do sleep 0.1; done`)
    const refused = await script('up')
    expect(refused.exitCode).not.toBe(0)
    expect(refused.stderr).toContain('127.0.0.1:8750')
    expect(refused.stderr).toContain('Choose another one in /etc/berth/agent.yaml')
    await sh('kill "$(cat /run/squatter)"')
    const run = await script('up')
    expect(run.exitCode, run.stderr).toBe(0)
    expect((await script('down')).exitCode).toBe(0)
    expect(await leftovers()).toBe('')
  })

  it('leaves a program of the same name alone', async () => {
    await sh('ln -sfn /bin/true /usr/local/bin/berth')
    const run = await script('up')
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.stderr).toContain('/usr/local/bin/berth exists and is not ours')
    expect(await sh('readlink /usr/local/bin/berth')).toBe('/bin/true')
    expect((await script('down')).exitCode).toBe(0)
  })
})
