// The arguments that OpenSSH gets. Whether it takes them as they are meant is asked of the real ssh (`-G`) and of a real shell.
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { hostOf, sshOptions, userOf } from '../../../cli/streams/openssh.ts'
import { UsageError } from '../../../cli/usage.ts'

const TARGET = { name: 'web', namespace: 'shop', uid: '6f3b1c1e-5a43-4b8a-9b69-0c5d8f6a2f11', user: 'root' }
const AROUND = { self: ['/usr/bin/node', '/opt/berth/bin/berth'], server: [], knownHosts: '/home/anna/known_hosts' }

const optionOf = (args: readonly string[], name: string): string | undefined =>
  args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1)

/** OpenSSH's own reading of its arguments. */
async function read(args: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await execa('ssh', ['-F', 'none', '-G', ...args, '--', hostOf(TARGET)])
  return new Map(stdout.split('\n').map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]))
}

describe('as OpenSSH reads them', () => {
  it('host keys are kept by uid in a file of their own, and the connection goes through this program', async () => {
    const args = sshOptions({ port: 2222, identityFile: '/home/anna/key' }, TARGET, AROUND)
    expect(args.slice(-2)).toEqual(['-i', '/home/anna/key'])
    const seen = await read(args)
    expect(seen.get('hostkeyalias')).toBe('berth-6f3b1c1e-5a43-4b8a-9b69-0c5d8f6a2f11')
    expect(seen.get('userknownhostsfile')).toBe('/home/anna/known_hosts')
    expect(seen.get('stricthostkeychecking')).toBe('accept-new')
    expect(seen.get('user')).toBe('root')
    expect(seen.get('hostname')).toBe('web.shop')
    expect(seen.get('proxycommand')).toBe('/usr/bin/node /opt/berth/bin/berth port-forward --stdio web.shop tcp/2222')
  })

  it('a file of the caller’s is used as OpenSSH would use it', async () => {
    const seen = await read(sshOptions({ port: 22, knownHosts: '/tmp/a b/known%h "x"' }, TARGET, AROUND))
    expect(seen.get('userknownhostsfile')).toBe('/tmp/a b/known%h "x"')
    expect(seen.has('hostkeyalias')).toBe(false)
    expect(seen.get('stricthostkeychecking')).toBe('ask')
  })

  it('what the caller says comes first', async () => {
    const sshArgs = ['-o StrictHostKeyChecking=yes  -o LogLevel=ERROR', '-C']
    const seen = await read(sshOptions({ port: 22, sshArgs }, TARGET, AROUND))
    // OpenSSH's way to print yes.
    expect(seen.get('stricthostkeychecking')).toBe('true')
    expect(seen.get('loglevel')).toBe('ERROR')
    expect(seen.get('compression')).toBe('yes')
  })
})

it.each([
  ['/tmp/plain'],
  ['/tmp/with blank'],
  ["/tmp/it's"],
  ['/tmp/$(id >/tmp/owned)'],
  ['/tmp/`id`;id|id&id'],
  ['/tmp/"x" \\ y'],
  ['/tmp/100%done%h'],
  ['/tmp/new\nline'],
])('a shell hands %j on as one word', async (path) => {
  const around = { ...AROUND, self: ['printf', '%s\\0'], server: ['--socket', path] }
  const proxy = optionOf(sshOptions({ port: 22 }, TARGET, around), 'ProxyCommand') ?? ''
  // ssh replaces %-tokens first, then gives the rest to a shell.
  const { stdout } = await execa('sh', ['-c', proxy.replaceAll('%%', '%')], { stripFinalNewline: false })
  expect(stdout.split('\0')).toEqual(['port-forward', '--stdio', '--socket', path, 'web.shop', 'tcp/22', ''])
})

it('the user is that of the word, else of the option, else OpenSSH’s own', () => {
  expect(userOf({ name: 'web', user: 'a' }, { port: 22, username: 'b' })).toBe('a')
  expect(userOf({ name: 'web' }, { port: 22, username: 'b' })).toBe('b')
  expect(userOf({ name: 'web' }, { port: 22 })).toBeUndefined()
  expect(() => userOf({ name: 'web' }, { port: 22, username: '-oProxyCommand=id' })).toThrow(UsageError)
  expect(hostOf({ name: 'web', namespace: 'shop', uid: 'u' })).toBe('web.shop')
})
