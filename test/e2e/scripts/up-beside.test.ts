// scripts/up and scripts/down beside a libvirtd of the machine's own (as where systemd runs one): only what is Berth's is ended.

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../support/wait.ts'
import { ROOT } from './lab-tool.ts'
import { UP_SECONDS, upMachine } from './up-tool.ts'

const { sh, script } = upMachine()

const START_LIBVIRTD = `setsid unshare --fork --kill-child --pid --mount --propagation slave --mount-proc tini -g -- \
  ${join(ROOT, 'scripts/lib/libvirt-daemons.sh')} </dev/null >/run/libvirtd.log 2>&1 &
  until virsh -q connect >/dev/null 2>&1; do sleep 0.2; done`

const FOREIGN = `<domain type='qemu'><name>my own</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices/></domain>`

const phase = async () => JSON.parse(await sh('berth get vm first-vm -o json')).status?.phase as string

describe('scripts/up beside a libvirtd of the machine', { timeout: 3 * UP_SECONDS * 1000 }, () => {
  it('leaves a foreign guest running, and its own guests come back', async () => {
    await sh(START_LIBVIRTD)
    await sh(`virsh -q create /dev/stdin <<'X'\n${FOREIGN}\nX`)
    const up = await script('up')
    expect(up.exitCode, up.stderr).toBe(0)
    expect(await sh('virsh -q list --name | sort')).toBe('default.first-vm\nmy own')

    const down = await script('down')
    expect(down.exitCode, down.stderr).toBe(0)
    expect(down.stderr).not.toContain('my own')
    expect(await sh('virsh -q list --name')).toBe('my own')
    expect(await sh('virsh -q net-list --name')).toBe('')

    const again = await script('up')
    expect(again.exitCode, again.stderr).toBe(0)
    expect(again.stderr).not.toContain('stopped by hand')
    expect(await phase()).toBe('Running')
  })

  it('starts a first machine that somebody has stopped', async () => {
    await sh('berth stop first-vm --wait')
    await waitFor('first-vm that is off', 30, async () => (await phase()) === 'Stopped')
    const up = await script('up')
    expect(up.exitCode, up.stderr).toBe(0)
    expect(up.stderr).toContain('first-vm was stopped by hand: starting it')
    expect(await phase()).toBe('Running')
  })
})
