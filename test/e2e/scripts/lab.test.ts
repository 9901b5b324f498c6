// scripts/lab up, exec, status and down, without agents: hosts that are real, apart from each other, and gone without a trace.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../support/wait.ts'
import { folder, lab, labEnv, labOk, namespacesOf, pidOf, processesIn, traces } from './lab-tool.ts'

const DOMAIN = `<domain type='qemu'><name>shares</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<cputune><shares>512</shares></cputune><os><type arch='x86_64' machine='q35'>hvm</type></os><devices/></domain>`

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

function newLab(): string {
  const { path, remove } = folder()
  cleanups.push(async () => {
    await lab('down', '--dir', path)
    remove()
  })
  return path
}

describe('scripts/lab', () => {
  it('makes hosts that reach each other and run guests with CPU shares, finds them again, and leaves nothing behind', async () => {
    const dir = newLab()
    await labOk('up', '2', '--no-agent', '--dir', dir)
    const { run = '', gateway = '' } = labEnv(dir)
    const h1 = pidOf(dir, 'h1', 'libvirtd.pid')
    const namespaces = [...namespacesOf(h1), ...namespacesOf(pidOf(dir, 'h2', 'libvirtd.pid'))]
    expect(await labOk('exec', 'h1', '--dir', dir, '--', 'hostname')).toBe('h1')

    writeFileSync(join(dir, 'guest.xml'), DOMAIN)
    await labOk('exec', 'h1', '--dir', dir, '--', 'virsh', '-q', 'create', join(dir, 'guest.xml'))
    const shares = await labOk('exec', 'h1', '--dir', dir, '--', 'virsh', '-q', 'schedinfo', 'shares')
    expect(shares).toMatch(/cpu_shares\s*:\s*512/)
    expect(await labOk('exec', 'h2', '--dir', dir, '--', 'virsh', '-q', 'list', '--name')).toBe('')
    const reach = `exec 3<>/dev/tcp/${gateway}/1`
    const refused = await lab('exec', 'h1', '--dir', dir, '--', 'bash', '-c', reach)
    expect(refused.stderr).toContain('Connection refused')
    expect(await labOk('exec', 'h1', '--dir', dir, '--', 'getent', 'hosts', 'h2')).toContain(
      `${gateway.replace(/254$/, '2')} `,
    )

    await labOk('up', '2', '--no-agent', '--dir', dir)
    expect(pidOf(dir, 'h1', 'libvirtd.pid')).toBe(h1)
    expect(await labOk('status', '--dir', dir)).toMatch(new RegExp(`h1 +${gateway.replace(/254$/, '1')} +${h1} `))

    const guest = () => labOk('exec', 'h1', '--dir', dir, '--', 'pgrep', '-x', 'qemu-system-x86')
    const qemu = await guest()
    process.kill(h1, 'SIGKILL')
    await waitFor('libvirtd again, with its guest', 30, async () =>
      (await labOk('exec', 'h1', '--dir', dir, '--', 'virsh', '-q', 'list', '--name')).includes('shares'),
    )
    expect(await guest()).toBe(qemu)
    await labOk('status', '--dir', dir)
    expect(pidOf(dir, 'h1', 'libvirtd.pid')).not.toBe(h1)

    expect((await traces(run)).length).toBeGreaterThan(0)
    expect(processesIn(namespaces).length).toBeGreaterThan(0)

    await labOk('down', '--dir', dir)
    expect(await traces(run)).toEqual([])
    expect(processesIn(namespaces)).toEqual([])
    await labOk('down', '--dir', dir)
  })

  it('keeps two labs apart', async () => {
    const [one, two] = [newLab(), newLab()]
    await Promise.all([labOk('up', '1', '--no-agent', '--dir', one), labOk('up', '1', '--no-agent', '--dir', two)])
    expect(labEnv(one).subnet).not.toBe(labEnv(two).subnet)
    await labOk('down', '--dir', one)
    await labOk('exec', 'h1', '--dir', two, '--', 'virsh', '-q', 'list')
  })

  it('brings a killed host back, and cleans up a lab whose folder was deleted', async () => {
    const dir = newLab()
    await labOk('up', '1', '--no-agent', '--dir', dir)
    const first = pidOf(dir, 'h1', 'libvirtd.pid')
    process.kill(pidOf(dir, 'h1', 'host.pid'), 'SIGKILL')
    await labOk('up', '1', '--no-agent', '--dir', dir)
    expect(pidOf(dir, 'h1', 'libvirtd.pid')).not.toBe(first)
    expect(existsSync(`/proc/${first}`)).toBe(false)

    const { run = '' } = labEnv(dir)
    const again = namespacesOf(pidOf(dir, 'h1', 'libvirtd.pid'))
    rmSync(dir, { recursive: true })
    await labOk('down', '--dir', dir)
    expect(processesIn(again)).toEqual([])
    expect(await traces(run)).toEqual([])
  })

  it('refuses what it cannot do in words', async () => {
    const dir = newLab()
    const cases: [string[], string][] = [
      [['up', '0', '--dir', dir], 'a number of hosts'],
      [['up', '1'], '--dir DIR'],
      [['up', '1', '--dir', '/run/x'], 'cannot be in /run/x'],
      [['up', '1', '--accelerator', 'xen', '--dir', dir], 'auto, kvm or emulation'],
      [['exec', 'h1', '--dir', dir, '--', 'true'], 'does not run'],
      [['fly', '--dir', dir], 'knows no command fly'],
    ]
    for (const [args, words] of cases) {
      const run = await lab(...args)
      expect(run.exitCode, args.join(' ')).not.toBe(0)
      expect(run.stderr, args.join(' ')).toContain(words)
    }
  })

  it('passes the exit code of a command on', async () => {
    const dir = newLab()
    await labOk('up', '1', '--no-agent', '--dir', dir)
    expect((await lab('exec', 'h1', '--dir', dir, '--', 'sh', '-c', 'exit 7')).exitCode).toBe(7)
  })
})

describe('shell scripts', () => {
  it('are all syntactically right', async () => {
    const files = (
      await execa('find', [
        'scripts',
        '.ci',
        '-name',
        '*.sh',
        '-o',
        '-name',
        'lab',
        '-o',
        '-name',
        'up',
        '-o',
        '-name',
        'down',
        '-o',
        '-name',
        'run',
        '-o',
        '-path',
        'scripts/test',
      ])
    ).stdout
    for (const file of files.split('\n')) await execa('bash', ['-n', file])
    expect(files.split('\n').length).toBeGreaterThan(10)
  })
})
