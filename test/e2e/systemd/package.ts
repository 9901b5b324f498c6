// Berth as a Debian package on a host of systemd: built, installed, and what the tests ask of it there.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { inject } from 'vitest'
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

/** The service as systemd sees it. */
export async function service(tree: Tree): Promise<{
  readonly pid: number
  readonly active: string
  readonly restarts: number
  readonly status: string
}> {
  const text = await tree.sh('systemctl show berth-agent -p MainPID,ActiveState,NRestarts,StatusText')
  const fields = Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]))
  return {
    pid: Number(fields.MainPID),
    active: fields.ActiveState ?? '',
    restarts: Number(fields.NRestarts),
    status: fields.StatusText ?? '',
  }
}

/** An object of the agent, by its command line. */
export async function get(
  tree: Tree,
  ...words: readonly string[]
): Promise<{
  readonly status: Readonly<Record<string, unknown>>
}> {
  return JSON.parse(await tree.sh(`berth get ${words.join(' ')} -o json`))
}

/** A machine on an empty disk: its firmware finds nothing to boot, which is all that is asked of it here. */
export async function bareVm(tree: Tree, name: string, runPolicy: string): Promise<void> {
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
  await apply(tree, [disk, vm])
}

/** Applies objects by the host's own command line. */
export async function apply(tree: Tree, items: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  await tree.sh(`berth apply -f - <<'JSON'\n${list}\nJSON`)
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
  for (const { metadata } of images) await untilPhase(tree, ['vi', metadata.name ?? ''], 'Ready')
}

export const untilRunning = (tree: Tree, vm: string) => untilPhase(tree, ['vm', vm], 'Running')

async function untilPhase(tree: Tree, words: readonly string[], phase: string): Promise<void> {
  let last: unknown
  await waitFor(
    `${words.join(' ')} is ${phase}`,
    60,
    async () => {
      last = (await get(tree, ...words)).status
      return (last as { phase?: string }).phase === phase
    },
    () => JSON.stringify(last, null, 1),
  )
}

/** Pid of a machine's QEMU, as the host itself counts. */
export async function qemuOf(tree: Tree, vm: string): Promise<number> {
  return Number(await tree.sh(`cat /run/libvirt/qemu/default.${vm}.pid`))
}
