// The playbooks beside, run by Debian's Ansible with kubernetes.core, against the server that all clients get.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'
import { waitFor } from '../../support/wait.ts'

/** Debian's own. */
const ANSIBLE = '/usr/bin/ansible-playbook'
/** A play takes 5 s; a busy machine makes a minute of it. */
const PLAY_MS = 180_000
const DISKS = 'virtualdisks.virtualization.deckhouse.io'

let api: TestApiServer
beforeAll(async () => {
  api = await startApiServer()
  await mkdir(join(api.folder, 'tmp'))
})
afterAll(() => api.stop())

/** Plays to the end; what its recap says of `localhost`. */
async function play(name: string, ...args: readonly string[]) {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const { exitCode, all = '' } = await execa(ANSIBLE, ['-i', 'localhost,', ...args, file], {
    reject: false,
    all: true,
    timeout: PLAY_MS,
    extendEnv: false,
    env: {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C.UTF-8',
      HOME: api.folder,
      // The dynamic client keeps what it discovered here.
      TMPDIR: join(api.folder, 'tmp'),
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_DEPRECATION_WARNINGS: '0',
      K8S_AUTH_KUBECONFIG: api.kubeconfig,
    },
  })
  expect(exitCode, all).toBe(0)
  const figure = (what: string) => Number(new RegExp(`localhost .*\\b${what}=(\\d+)`).exec(all)?.[1])
  return { changed: figure('changed'), failed: figure('failed'), all }
}

it('creates, finds nothing to do the second time, and changes what is to be changed', {
  timeout: 4 * PLAY_MS,
}, async () => {
  expect(await play('present.yaml')).toMatchObject({ changed: 5, failed: 0 })
  expect(await play('present.yaml')).toMatchObject({ changed: 0, failed: 0 })
  expect(await play('present.yaml', '-e', 'size=20Gi memory=2Gi')).toMatchObject({ changed: 3, failed: 0 })
  const found = await api.server.resources.get(DISKS, { namespace: 'shop', name: 'root' })
  expect(found?.spec).toMatchObject({ persistentVolumeClaim: { size: '20Gi' } })
})

it('waits for conditions, looks, patches, and shows refusals', { timeout: 2 * PLAY_MS }, async () => {
  const playing = play('wait.yaml')
  const data = await Promise.race([
    playing.then(() => null),
    waitFor('the disk', 120, () => api.server.resources.get(DISKS, { namespace: 'shop', name: 'data' })),
  ])
  const at = { namespace: 'shop', name: 'data', uid: data?.metadata.uid ?? '' }
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: 'Test',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  await api.server.resources.modifyStatus(DISKS, at, () => ({ phase: 'Ready', conditions: [condition] }))
  expect(await playing).toMatchObject({ failed: 0 })
})

it('removes, and finds nothing to do where all is gone', { timeout: 2 * PLAY_MS }, async () => {
  expect(await play('absent.yaml')).toMatchObject({ changed: 6, failed: 0 })
})
