// The Ansible role on two hosts with systemd, over ssh: install and configure, a second run that changes nothing, an upgrade that stops
// at the first host which does not get ready.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../scripts/lab-tool.ts'
import { bareVm, buildPackage, packageFolder, qemuOf, service, untilRunning } from './package.ts'
import { inventory, type Keys, makeKeys, provideSsh } from './ssh.ts'
import { startTree, type Tree } from './tree.ts'

const PLAY_SECONDS = 200

const folder = packageFolder()
let keys: Keys
let first: Tree
let second: Tree
beforeAll(async () => {
  keys = await makeKeys(folder.path)
  first = await startTree('ansible1')
  second = await startTree('ansible2')
  for (const tree of [first, second]) await provideSsh(tree, keys)
})
afterAll(async () => {
  await first?.stop()
  await second?.stop()
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
): Promise<{ readonly exitCode: number; readonly output: string; of(tree: Tree): Recap | undefined }> {
  const file = join(folder.path, 'variables.json')
  writeFileSync(file, JSON.stringify(variables))
  const run = await execa(
    'ansible-playbook',
    ['-i', inventory(keys, [first, second]), join(ROOT, 'ansible/berth.yml'), '-e', `@${file}`],
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
  const of = (tree: Tree): Recap | undefined => {
    const line = new RegExp(`^${tree.name} +: (.*)$`, 'm').exec(run.all)?.[1]
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
  const version = (tree: Tree) => tree.sh("dpkg-query -W -f '${Version}' berth")
  let variables: object

  it('installs and configures one host after the other', async () => {
    variables = { ...settings, berth_agent_deb: await buildPackage(folder.path, '0.1.0') }
    const run = await play(variables)
    expect(run.exitCode, run.output).toBe(0)
    for (const tree of [first, second]) {
      expect(run.of(tree)).toMatchObject({ failed: 0, unreachable: 0 })
      expect(await service(tree)).toMatchObject({ active: 'active', status: 'Virtual machines are looked after' })
      expect(await tree.sh('cat /etc/berth/agent.yaml')).toContain('allowEmulation: true')
      const kubeconfig = join(folder.path, `${tree.name}.kubeconfig`)
      expect(readFileSync(kubeconfig, 'utf8')).toContain('https://127.0.0.1:8750')
      expect(statSync(kubeconfig).mode & 0o777).toBe(0o600)
    }
    expect(run.output).not.toContain('BEGIN CERTIFICATE')
  })

  it('changes nothing the second time', async () => {
    const agents = [await service(first), await service(second)]
    const run = await play(variables)
    expect(run.exitCode, run.output).toBe(0)
    for (const tree of [first, second]) expect(run.of(tree), run.output).toMatchObject({ changed: 0, failed: 0 })
    expect([await service(first), await service(second)]).toEqual(agents)
  })

  it('upgrades under a running guest, and touches no further host when one does not get ready', async () => {
    await bareVm(first, 'stays', 'AlwaysOn')
    await untilRunning(first, 'stays')
    const guest = await qemuOf(first, 'stays')
    const untouched = await service(second)
    // No libvirt, no readiness.
    const units = 'libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service'
    await first.sh(`systemctl mask --now --runtime ${units}`)
    const deb = await buildPackage(folder.path, '0.1.1')
    const upgrade = { ...settings, berth_agent_deb: deb, berth_agent_ready_seconds: 4 }
    const run = await play(upgrade)
    expect(run.exitCode, run.output).not.toBe(0)
    expect(run.of(first), run.output).toMatchObject({ failed: 1 })
    expect(run.of(second), run.output).toBeUndefined()
    expect(await version(first)).toBe('0.1.1')
    expect(await version(second)).toBe('0.1.0')
    expect(await service(second)).toEqual(untouched)
    await first.sh(`systemctl unmask --runtime ${units} && systemctl start ${units}`)
    await untilRunning(first, 'stays')
    expect(await qemuOf(first, 'stays')).toBe(guest)
  })
})
