// The Ansible roles on hosts with systemd, over ssh: a scheduler and agents are installed and configured, hosts join, a second run changes
// nothing, an upgrade stops at the first host which does not get ready. The first host has the scheduler too. The host after it is a name
// alone, which would be unreachable if it were tried; in the long form it is a real one, and the run is repeated once the first host is well.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../scripts/lab-tool.ts'
import { bareVm, LOOKED_AFTER, packageOf, qemuOf, scratchFolder, service, untilRunning, untilSays } from './package.ts'
import { connect, inventory, type Keys, makeKeys, provideSsh } from './ssh.ts'
import { startTree, type Tree } from './tree.ts'

const PLAY_SECONDS = 400
/** 32 bytes as base64url, and nothing longer such as a checksum. */
const JOIN_TOKEN = /(?<![\w-])[\w-]{43}(?![\w-])/

const folder = scratchFolder()
let keys: Keys
const long = process.env.BERTH_LONG === '1'
const trees: Tree[] = []
const addressOf = (index: number) => `10.89.0.${index + 1}`
const SCHEDULER = `https://${addressOf(0)}:8751`
beforeAll(async () => {
  keys = await makeKeys(folder.path)
  for (const role of long ? ['first', 'second'] : ['first']) {
    const tree = await startTree(role)
    trees.push(tree)
    await provideSsh(tree, keys)
  }
  await connect(trees, addressOf)
})
afterAll(async () => {
  for (const tree of trees) await tree.stop()
  folder.remove()
})

interface Recap {
  readonly ok: number
  readonly changed: number
  readonly failed: number
  readonly unreachable: number
}

/** Runs the playbook; what it counted per host. A host that it never reached is missing. */
async function play(
  variables: object,
  further: readonly string[] = [],
  options: readonly string[] = [],
): Promise<{ readonly exitCode: number; readonly output: string; of(host: string): Recap | undefined }> {
  const file = join(folder.path, 'variables.json')
  writeFileSync(file, JSON.stringify(variables))
  const run = await execa(
    'ansible-playbook',
    ['-i', inventory(keys, trees, addressOf, further), join(ROOT, 'ansible/berth.yml'), '-e', `@${file}`, ...options],
    {
      cwd: folder.path,
      env: {
        ANSIBLE_PIPELINING: 'true',
        ANSIBLE_NOCOLOR: 'true',
        ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
        // As by default, but without compression: nothing here goes over a network.
        ANSIBLE_SSH_ARGS: '-o ControlMaster=auto -o ControlPersist=60s',
        ANSIBLE_SSH_CONTROL_PATH_DIR: join(folder.path, 'cp'),
        ANSIBLE_LOCAL_TEMP: join(folder.path, 'tmp'),
        HOME: folder.path,
      },
      reject: false,
      stdin: 'ignore',
      all: true,
      timeout: PLAY_SECONDS * 1000,
    },
  )
  const of = (host: string): Recap | undefined => {
    const line = new RegExp(`^${host} +: (.*)$`, 'm').exec(run.all)?.[1]
    if (line === undefined) return undefined
    return Object.fromEntries(
      [...line.matchAll(/(\w+)=(\d+)/g)].map(([, key, count]) => [key, Number(count)]),
    ) as unknown as Recap
  }
  return { exitCode: run.exitCode ?? -1, output: run.all, of }
}

describe('the Ansible roles', { timeout: 6 * PLAY_SECONDS * 1000 }, () => {
  const settings = {
    berth_agent_config: {
      allowEmulation: true,
      log: { level: 'debug' },
      listen: ['127.0.0.1:8750', '{{ address }}:8750'],
    },
    berth_agent_kubeconfig_folder: folder.path,
    berth_scheduler_config: { listen: ['127.0.0.1:8751', `${addressOf(0)}:8751`] },
    berth_scheduler_kubeconfig_folder: folder.path,
  }
  const joining = { berth_agent_scheduler_url: SCHEDULER }
  const version = (tree: Tree) => tree.sh('dpkg-query -W berth | cut -f 2')
  /** What the scheduler says of its hosts: whether each is Ready. */
  const nodes = async (): Promise<Readonly<Record<string, string>>> => {
    const [scheduler] = trees as [Tree]
    const { items } = JSON.parse(await scheduler.sh('berth --socket /run/berth/scheduler.sock get node -o json'))
    return Object.fromEntries(
      (items as { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } }[]).map(
        ({ metadata, status }) => [
          metadata.name,
          status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'unknown',
        ],
      ),
    )
  }
  let variables: object

  it('install and configure the scheduler, then a host; say in words why that one cannot join, without its token', async () => {
    const [first] = trees as [Tree]
    const unreachable = { ...settings.berth_agent_config, listen: ['127.0.0.1:8750'] }
    variables = { ...settings, ...joining, berth_deb: await packageOf('0.1.0') }
    const run = await play({ ...variables, berth_agent_config: unreachable }, [], ['-v'])
    expect(run.exitCode, run.output).not.toBe(0)
    expect(run.of(first.name), run.output).toMatchObject({ failed: 1, unreachable: 0 })
    expect(run.output.replaceAll(/\s+/g, ' ')).toContain(
      'the agent listens on 127.0.0.1:8750 only, where other hosts cannot reach it',
    )
    expect(run.output).not.toMatch(JOIN_TOKEN)
    expect(run.output).not.toContain('certificate-authority-data')
    await untilSays(first, LOOKED_AFTER)
    expect(await service(first, 'berth-scheduler')).toMatchObject({ active: 'active' })
    expect(await first.sh('cat /etc/berth/agent.yaml')).toContain('allowEmulation: true')
    for (const [name, server] of [
      [first.name, 'https://127.0.0.1:8750'],
      [`${first.name}-scheduler`, 'https://127.0.0.1:8751'],
    ]) {
      const kubeconfig = join(folder.path, `${name}.kubeconfig`)
      expect(readFileSync(kubeconfig, 'utf8')).toContain(server)
      expect(statSync(kubeconfig).mode & 0o777).toBe(0o600)
    }
    expect(await nodes()).toEqual({})
  })

  it('let hosts join, which a check alone does not, and change nothing the second time', async () => {
    const [first] = trees as [Tree]
    const check = await play(variables, [], ['--check', '--limit', first.name])
    expect(check.exitCode, check.output).toBe(0)
    expect(check.of(first.name)?.failed).toBe(0)
    expect(check.output).toContain(`${first.name} would join the cluster of ${SCHEDULER}`)
    expect(await nodes()).toEqual({})
    const run = await play(variables, [], ['-v'])
    expect(run.exitCode, run.output).toBe(0)
    expect(run.output).not.toMatch(JOIN_TOKEN)
    expect(await nodes()).toEqual(Object.fromEntries(trees.map(({ name }) => [name, 'True'])))
    const services = () => Promise.all(trees.map((tree) => untilSays(tree, LOOKED_AFTER)))
    const agents = await services()
    const again = await play(variables)
    expect(again.exitCode, again.output).toBe(0)
    for (const { name } of trees) expect(again.of(name), again.output).toMatchObject({ changed: 0, failed: 0 })
    expect(await services()).toEqual(agents)
  })

  it('upgrades under a running guest, and touches no further host when one does not get ready', async () => {
    const [first, second] = trees as [Tree, Tree | undefined]
    await bareVm(first, 'stays', 'AlwaysOn')
    await untilRunning(first, 'stays')
    const guest = await qemuOf(first, 'stays')
    const untouched = second === undefined ? undefined : await service(second)
    // No libvirt, no readiness.
    const units = 'libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service'
    await first.sh(`systemctl mask --now --runtime ${units}`)
    const upgrade = { ...variables, berth_deb: await packageOf('0.1.1') }
    const next = second?.name ?? 'berth-next'
    const run = await play({ ...upgrade, berth_agent_ready_seconds: 4 }, second === undefined ? [next] : [])
    expect(run.exitCode, run.output).not.toBe(0)
    expect(run.of(first.name), run.output).toMatchObject({ failed: 1 })
    expect(run.of(next), run.output).toBeUndefined()
    expect(await version(first)).toBe('0.1.1')
    await first.sh(`systemctl unmask --runtime ${units} && systemctl start ${units}`)
    await untilRunning(first, 'stays')
    expect(await qemuOf(first, 'stays')).toBe(guest)
    if (second === undefined) return
    expect(await version(second)).toBe('0.1.0')
    expect(await service(second)).toEqual(untouched)
    const repeated = await play(upgrade)
    expect(repeated.exitCode, repeated.output).toBe(0)
    expect(await version(second)).toBe('0.1.1')
    expect(await qemuOf(first, 'stays')).toBe(guest)
  })
})
