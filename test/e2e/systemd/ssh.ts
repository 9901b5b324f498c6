// sshd on a host of systemd, and how Ansible reaches it. The hosts have no network in common with this machine: ssh's connection is a
// pipe to an sshd that is started in the host for it, all else is as always.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { ROOT } from '../scripts/lab-tool.ts'
import type { Tree } from './tree.ts'

/** What opens ssh's way to hosts. */
export interface Keys {
  readonly folder: string
  readonly key: string
}

export async function makeKeys(folder: string): Promise<Keys> {
  const key = join(folder, 'key')
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host-key')])
  return { folder, key }
}

/** The files of a Debian package, fetched once and not installed on this machine: its sshd would be started here. */
async function unpacked(name: string): Promise<string> {
  const line = '. scripts/lib/common.sh; . scripts/lib/packages.sh; unpacked "$0"'
  return (await execa('bash', ['-euc', line, name], { cwd: ROOT, stdin: 'ignore' })).stdout
}

/** Puts sshd and the keys on the host. */
export async function provideSsh(tree: Tree, { folder, key }: Keys): Promise<void> {
  for (const name of ['openssh-server', 'libwrap0'])
    cpSync(join(await unpacked(name), 'usr'), join(tree.root, 'usr'), { recursive: true })
  mkdirSync(join(tree.root, 'root/.ssh'), { recursive: true, mode: 0o700 })
  cpSync(`${key}.pub`, join(tree.root, 'root/.ssh/authorized_keys'))
  cpSync(join(folder, 'host-key'), join(tree.root, 'etc/ssh-test-key'))
  await tree.sh(
    'chown -R root: /root/.ssh /etc/ssh-test-key && chmod 600 /etc/ssh-test-key && mkdir -p /run/sshd && ldconfig && useradd -r sshd || id sshd',
  )
}

const PEER = ['type', 'veth', 'peer', 'name', 'cable']

/** Gives each host its address; two of them get a cable. */
export async function connect(trees: readonly Tree[], addressOf: (index: number) => string): Promise<void> {
  const [first, second] = trees
  if (first !== undefined && second !== undefined)
    await execa('ip', ['link', 'add', 'cable', 'netns', `${first.pid}`, ...PEER, 'netns', `${second.pid}`])
  const device = second === undefined ? 'lo' : 'cable'
  for (const [index, tree] of trees.entries())
    await tree.sh(`ip address add ${addressOf(index)}/24 dev ${device} && ip link set ${device} up`)
}

/**
 * Writes an inventory with the group `berth`, hosts that cannot be reached last, and returns its path. The first host is the group
 * `berth_scheduler` too.
 */
export function inventory(
  { folder, key }: Keys,
  trees: readonly Tree[],
  addressOf: (index: number) => string,
  unreachable: readonly string[],
): string {
  const path = join(folder, 'hosts.ini')
  const options = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'
  const lines = trees.map(({ name, pid }, index) => {
    const sshd = '/usr/sbin/sshd -i -f /dev/null -h /etc/ssh-test-key -o PermitRootLogin=yes'
    const proxy = `nsenter -t ${pid} -m -n -u -i -p -C -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${sshd}`
    return `${name} address=${addressOf(index)} ansible_user=root ansible_ssh_private_key_file=${key} ansible_ssh_common_args="${options} -o ProxyCommand='${proxy}'"`
  })
  writeFileSync(path, `[berth]\n${[...lines, ...unreachable].join('\n')}\n[berth_scheduler]\n${trees[0]?.name ?? ''}\n`)
  return path
}
