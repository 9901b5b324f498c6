// The Ansible role on hosts with systemd, over ssh: install and configure, a second run that changes nothing, an upgrade that stops at
// the first host which does not get ready. The host after that one is a name alone, which would be unreachable if it were tried; in the
// long form it is a real one, and the run is repeated once the first host is well.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../scripts/lab-tool.ts'
import { bareVm, packageOf, qemuOf, scratchFolder, service, untilRunning } from './package.ts'
import { inventory, type Keys, makeKeys, provideSsh } from './ssh.ts'
import { startTree, type Tree } from './tree.ts'

const PLAY_SECONDS = 400

const folder = scratchFolder()
let keys: Keys
const long = process.env.BERTH_LONG === '1'
const trees: Tree[] = []
beforeAll(async () => {
  keys = await makeKeys(folder.path)
  for (const role of long ? ['first', 'second'] : ['first']) {
    const tree = await startTree(role)
    trees.push(tree)
    await provideSsh(tree, keys)
  }
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
): Promise<{ readonly exitCode: number; readonly output: string; of(host: string): Recap | undefined }> {
  const file = join(folder.path, 'variables.json')
  writeFileSync(file, JSON.stringify(variables))
  const run = await execa(
    'ansible-playbook',
    ['-i', inventory(keys, trees, further), join(ROOT, 'ansible/berth.yml'), '-e', `@${file}`],
    {
      cwd: folder.path,
      env: {
        ANSIBLE_PIPELINING: 'true',
        ANSIBLE_NOCOLOR: 'true',
        ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
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

describe('the Ansible role', { timeout: 4 * PLAY_SECONDS * 1000 }, () => {
  const settings = {
    berth_agent_config: { allowEmulation: true, log: { level: 'debug' } },
    berth_agent_kubeconfig_folder: folder.path,
  }
  const version = (tree: Tree) => tree.sh('dpkg-query -W berth | cut -f 2')
  let variables: object

  it('installs and configures one host after the other', async () => {
    variables = { ...settings, berth_agent_deb: await packageOf('0.1.0') }
    const run = await play(variables)
    expect(run.exitCode, run.output).toBe(0)
    for (const tree of trees) {
      expect(run.of(tree.name)).toMatchObject({ failed: 0, unreachable: 0 })
      expect(await service(tree)).toMatchObject({ active: 'active', status: 'Virtual machines are looked after' })
      expect(await tree.sh('cat /etc/berth/agent.yaml')).toContain('allowEmulation: true')
      const kubeconfig = join(folder.path, `${tree.name}.kubeconfig`)
      expect(readFileSync(kubeconfig, 'utf8')).toContain('https://127.0.0.1:8750')
      expect(statSync(kubeconfig).mode & 0o777).toBe(0o600)
    }
    expect(run.output).not.toContain('certificate-authority-data')
  })

  it('changes nothing the second time', async () => {
    const agents = await Promise.all(trees.map((tree) => service(tree)))
    const run = await play(variables)
    expect(run.exitCode, run.output).toBe(0)
    for (const { name } of trees) expect(run.of(name), run.output).toMatchObject({ changed: 0, failed: 0 })
    expect(await Promise.all(trees.map((tree) => service(tree)))).toEqual(agents)
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
    const upgrade = { ...settings, berth_agent_deb: await packageOf('0.1.1') }
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
