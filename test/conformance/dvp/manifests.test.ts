// Manifests of DVP's user guide, sent to the API as they are: those whose kinds, sources and types are built are taken, the others
// are refused in words.
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { KINDS } from '../../../schemas/index.ts'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'

const FOLDER = new URL('../../fixtures/dvp-documents/manifests/', import.meta.url)
const GROUP = 'virtualization.deckhouse.io'

/** Kinds that are still to be built, with their plurals. */
const KINDS_TO_BE_BUILT: Readonly<Record<string, string>> = {
  NodeUSBDevice: 'nodeusbdevices',
  VirtualMachineBlockDeviceAttachment: 'virtualmachineblockdeviceattachments',
  VirtualMachineIPAddress: 'virtualmachineipaddresses',
  VirtualMachineSnapshot: 'virtualmachinesnapshots',
  VirtualMachineSnapshotOperation: 'virtualmachinesnapshotoperations',
}

/** What is still to be built of kinds that are served, by the line of the guide: the fields that are refused. */
const TO_BE_BUILT: Readonly<Record<string, readonly string[]>> = {
  L0423: ['spec.storage', 'spec.persistentVolumeClaim.storageClassName'],
  L0534: ['spec.dataSource.type'],
  L0551: ['spec.dataSource.type'],
  L0629: ['spec.dataSource.type'],
  L0663: ['spec.dataSource.type'],
  L0903: ['spec.dataSource.type'],
  L3880: ['spec.dataSource.objectRef.kind'],
  L4180: ['spec.type'],
}

/** What DVP refuses itself: the guide's example is older than the field's name. */
const WRONG: Readonly<Record<string, readonly string[]>> = { L4153: ['spec.clone.nameReplacements'] }

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

const documents = readdirSync(FOLDER).map((file) => {
  const text = readFileSync(new URL(file, FOLDER), 'utf8')
  return { file, line: /L\d{4}/.exec(file)?.[0] ?? '', text, input: parse(text) as Manifest }
})

let api: TestApiServer
beforeAll(async () => {
  api = await startApiServer()
  for (const name of new Set(documents.flatMap(({ input }) => input.metadata.namespace ?? [])))
    if (name !== 'default')
      await api.server.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
})
afterAll(() => api.stop())

/** Posts the file as it lies there. */
async function post(text: string, { apiVersion, kind, metadata }: Manifest) {
  const known = KINDS.find((one) => one.kind === kind)
  const plural = known?.plural ?? KINDS_TO_BE_BUILT[kind]
  const scope = known?.namespaced === false ? '' : `namespaces/${metadata.namespace ?? 'default'}/`
  const answer = await api.server.app.inject({
    method: 'POST',
    url: `/apis/${apiVersion}/${scope}${plural}?dryRun=All`,
    headers: { 'content-type': 'application/yaml' },
    payload: text,
  })
  return { code: answer.statusCode, body: answer.json() }
}

const causesOf = ({ body }: Awaited<ReturnType<typeof post>>): { field: string; reason: string; message: string }[] =>
  body.details.causes

describe.each(documents)('$file', ({ line, text, input }) => {
  if (KINDS_TO_BE_BUILT[input.kind] !== undefined)
    it('is of a kind that is not served yet', async () => {
      const { code, body } = await post(text, input)
      expect([code, body.reason]).toEqual([404, 'NotFound'])
    })
  else if (WRONG[line])
    it('is refused as DVP refuses it', async () => {
      const answer = await post(text, input)
      expect([answer.code, causesOf(answer).map(({ field }) => field)]).toEqual([422, WRONG[line]])
    })
  else if (TO_BE_BUILT[line])
    it('is refused by the field that is not built', async () => {
      const answer = await post(text, input)
      expect([answer.code, causesOf(answer).map(({ field }) => field)]).toEqual([422, TO_BE_BUILT[line]])
      for (const { reason, message } of causesOf(answer)) {
        expect(reason).toBe('FieldValueForbidden')
        expect(message).toMatch(/is not built yet in Berth$/)
      }
    })
  else
    it('is taken, with nothing lost', async () => {
      const { code, body } = await post(text, input)
      expect([code, body]).toEqual([201, expect.objectContaining({ kind: input.kind })])
      expect(body).toMatchObject(input)
    })
})

it('lists only what is there, and nothing that is served', () => {
  const lines = documents.map(({ line }) => line)
  for (const line of [...Object.keys(TO_BE_BUILT), ...Object.keys(WRONG)]) expect(lines).toContain(line)
  const kinds = documents.map(({ input }) => input.kind)
  for (const [kind, plural] of Object.entries(KINDS_TO_BE_BUILT)) {
    expect(kinds).toContain(kind)
    expect(KINDS.map(({ resource }) => resource)).not.toContain(`${plural}.${GROUP}`)
  }
  expect(new Set(lines).size).toBe(29)
})
