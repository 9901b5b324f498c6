import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { takeServiceManager } from '../../../lib/service-manager.ts'

describe('the service manager in the environment', () => {
  it('is not there without its socket', () => {
    expect(takeServiceManager({})).toBeNull()
    expect(takeServiceManager({ NOTIFY_SOCKET: '', WATCHDOG_USEC: '1000' })).toBeNull()
  })

  it('is taken out of it, so that no child speaks for the service', () => {
    const env = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7', PATH: '/bin' }
    expect(takeServiceManager(env, 7)).toMatchObject({ watchdogMs: 30_000 })
    expect(env).toEqual({ PATH: '/bin' })
  })

  const watchdogs: [string, Record<string, string>, number | null][] = [
    ['no watchdog', {}, null],
    ['a watchdog of another process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, null],
    ['a watchdog without a process', { WATCHDOG_USEC: '30000000' }, 30_000],
    ['a time that is none', { WATCHDOG_USEC: 'soon' }, null],
  ]
  it.each(watchdogs)('%s', (_title, env, watchdogMs) => {
    expect(takeServiceManager({ NOTIFY_SOCKET: '/run/x', ...env }, 7)?.watchdogMs).toBe(watchdogMs)
  })
})

describe('a message', () => {
  // The real systemd-notify against a real systemd: test/e2e/systemd. Here a program of that name shows what it would get.
  let folder = ''
  const path = process.env.PATH
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-notify-'))
    await writeFile(join(folder, 'systemd-notify'), `#!/bin/sh\nprintf '%s|' "$NOTIFY_SOCKET" "$@" >${folder}/said\n`)
    await chmod(join(folder, 'systemd-notify'), 0o755)
    process.env.PATH = `${folder}:${path}`
  })
  afterEach(async () => {
    process.env.PATH = path
    await rm(folder, { recursive: true })
  })

  it('is one call with one argument per assignment, each of one line', async () => {
    const manager = takeServiceManager({ NOTIFY_SOCKET: '/run/x' })
    await manager?.notify(['READY=1', 'STATUS=waits:\nMAINPID=1'])
    expect(await readFile(`${folder}/said`, 'utf8')).toBe('/run/x|READY=1|STATUS=waits: MAINPID=1|')
  })
})
