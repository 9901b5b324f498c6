// Berth as a Debian package on a host of systemd: built, installed, and what the tests ask of it there.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { expect, inject } from 'vitest'
import { waitFor } from '../../support/wait.ts'
import { ROOT } from '../scripts/lab-tool.ts'
import type { Tree } from './tree.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder that the files of a project share, gone at its end (test/support/shared-lab.ts). */
    built: string
  }
}

/** A folder of this file's, and its removal. */
export function scratchFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-deb-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The package of this version, built once for all files. */
export async function packageOf(version: string): Promise<string> {
  const folder = inject('built')
  const path = join(folder, `berth_${version}_amd64.deb`)
  if (!existsSync(path)) await buildPackage(folder, version)
  return path
}

/** Builds the package into the folder and returns its path. */
export async function buildPackage(folder: string, version: string): Promise<string> {
  const { stdout } = await execa(join(ROOT, 'scripts/deb'), ['--fast', '--version', version, '--out', folder], {
    stdin: 'ignore',
    timeout: 180_000,
  })
  return stdout
}

/** Puts a file into the host's /root and returns its path there. */
export function copyIn(tree: Tree, file: string): string {
  copyFileSync(file, join(tree.root, 'root', basename(file)))
  return `/root/${basename(file)}`
}

/** A service as systemd sees it. */
export interface Service {
  readonly pid: number
  readonly active: string
  readonly restarts: number
  readonly status: string
}

/** The agent's service, or another one of the package. */
export async function service(tree: Tree, unit = 'berth-agent'): Promise<Service> {
  const text = await tree.sh(`systemctl show ${unit} -p MainPID,ActiveState,NRestarts,StatusText`)
  const fields = Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]))
  return {
    pid: Number(fields.MainPID),
    active: fields.ActiveState ?? '',
    restarts: Number(fields.NRestarts),
    status: fields.StatusText ?? '',
  }
}

/** Resolves when the service is active and says so of itself; a changed status is told within seconds only. */
export const untilSays = (tree: Tree, status: string, unit = 'berth-agent'): Promise<Service> =>
  waitFor(
    `${unit} says: ${status}`,
    60,
    async () => {
      const now = await service(tree, unit)
      return now.active === 'active' && now.status === status ? now : null
    },
    () => tree.sh(`systemctl status ${unit} || true; journalctl -u ${unit} -o cat -n 20`),
  )

/** What the agent says of itself when all is well. */
export const LOOKED_AFTER = 'Virtual machines are looked after'

const AGENT_SOCKET = '/run/berth/agent.sock'

/**
 * What the agent, or who has the other socket, answers to a GET. For what is waited for: `berth` is a Node each time, which takes the cores
 * from what it waits for.
 */
export async function ask<T>(tree: Tree, path: string, socket = AGENT_SOCKET): Promise<T> {
  return JSON.parse(await tree.sh(`curl -sf --unix-socket ${socket} http://localhost${path}`))
}

/** Where the objects of tests are. */
export const OBJECTS = '/apis/virtualization.deckhouse.io/v1alpha2/namespaces/default'

/** A machine on an empty disk: its firmware finds nothing to boot, which is all that is asked of it here. */
export async function bareVm(tree: Tree, name: string, runPolicy: string, socket?: string): Promise<void> {
  const disk = {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualDisk',
    metadata: { name },
    spec: { persistentVolumeClaim: { size: '1Mi' } },
  }
  const vm = {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata: { name },
    spec: {
      runPolicy,
      provisioning: { type: 'UserData', userData: '#cloud-config\nhostname: bare\n' },
      virtualMachineClassName: 'generic',
      terminationGracePeriodSeconds: 1,
      cpu: { cores: 1, coreFraction: '10%' },
      memory: { size: '32Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
    },
  }
  await apply(tree, [disk, vm], socket)
}

/** Makes a program that hangs be noticed quickly; the service is restarted with it. */
export async function quickWatchdog(tree: Tree, unit = 'berth-agent'): Promise<void> {
  await tree.sh(`mkdir -p /etc/systemd/system/${unit}.service.d
    printf '[Service]\\nWatchdogSec=${WATCHDOG_SECONDS}\\nTimeoutAbortSec=2\\n' >/etc/systemd/system/${unit}.service.d/quick.conf
    systemctl daemon-reload && systemctl restart ${unit}`)
}

const WATCHDOG_SECONDS = 10

/** Stops the service's process, as a hang would, and waits until systemd has started another one, once. */
export async function hang(tree: Tree, unit = 'berth-agent'): Promise<void> {
  const before = await service(tree, unit)
  await tree.sh(`kill -STOP ${before.pid}`)
  const after = await anotherProcess(tree, before, unit)
  expect(after.restarts).toBe(before.restarts + 1)
  expect(await tree.sh(`journalctl -u ${unit} -o cat`)).toContain('Watchdog timeout')
}

/** The service with another process than before, active. */
export const anotherProcess = (tree: Tree, before: Service, unit = 'berth-agent'): Promise<Service> =>
  waitFor(`another process of ${unit}`, 60, async () => {
    const now = await service(tree, unit)
    return now.active === 'active' && now.pid !== before.pid ? now : null
  })

/** The unit's exposure by systemd-analyze, 0 to 10, and systemd's version. */
export async function exposure(unit: string): Promise<{ readonly score: string; readonly version: string }> {
  const file = join(ROOT, `systemd/${unit}.service`)
  const { stdout } = await execa('systemd-analyze', ['security', '--offline=yes', '--no-pager', file])
  const [, score = ''] = /Overall exposure level for [a-z-]+\.service: ([0-9.]+)/.exec(stdout) ?? []
  const [, version = ''] = /^systemd (\d+)/.exec((await execa('systemd-analyze', ['--version'])).stdout) ?? []
  return { score, version }
}

/** Applies objects by the host's own command line; at the agent, or at the server of this socket. */
export async function apply(tree: Tree, items: readonly object[], socket = '/run/berth/agent.sock'): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  await tree.sh(`berth --socket ${socket} apply -f - <<'JSON'\n${list}\nJSON`)
}

/** `importer.allow` of {@link importImages}. */
export const IMAGE_ADDRESS = '127.0.0.1:18080'

/** Serves a small image on the host itself and has it imported, as it is and packed; resolves when both are ready. */
export async function importImages(tree: Tree): Promise<void> {
  const [address, port] = IMAGE_ADDRESS.split(':')
  await tree.sh(`mkdir /root/images && cd /root/images && qemu-img create -q -f qcow2 plain.qcow2 1M && xz -k plain.qcow2
    systemd-run -q --unit=images python3 -m http.server ${port} --bind ${address} --directory /root/images`)
  const images = [
    ['plain', 'plain.qcow2'],
    ['packed', 'plain.qcow2.xz'],
  ].map(([name, file]) => ({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualImage',
    metadata: { name },
    spec: {
      storage: 'ContainerRegistry',
      dataSource: { type: 'HTTP', http: { url: `http://${IMAGE_ADDRESS}/${file}` } },
    },
  }))
  await apply(tree, images)
  for (const { metadata } of images) await untilPhase(tree, `virtualimages/${metadata.name}`, 'Ready')
}

export const untilRunning = (tree: Tree, vm: string) => untilPhase(tree, `virtualmachines/${vm}`, 'Running')
export const untilStopped = (tree: Tree, vm: string) => untilPhase(tree, `virtualmachines/${vm}`, 'Stopped')

async function untilPhase(tree: Tree, object: string, phase: string): Promise<void> {
  let last: unknown
  await waitFor(
    `${object} is ${phase}`,
    60,
    async () => {
      const { status } = await ask<{ readonly status?: { readonly phase?: string } }>(tree, `${OBJECTS}/${object}`)
      last = status
      return status?.phase === phase
    },
    () => JSON.stringify(last, null, 1),
  )
}

/** Pid of a machine's QEMU, as the host itself counts. */
export async function qemuOf(tree: Tree, vm: string): Promise<number> {
  return Number(await tree.sh(`cat /run/libvirt/qemu/default.${vm}.pid`))
}
