// Manifests of DVP's user guide: those whose sources and types are built are taken as they are, the others name the field.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { KINDS } from '../../../schemas/index.ts'
import { admit } from '../../support/validate.ts'

const FOLDER = new URL('../../fixtures/dvp-documents/manifests/', import.meta.url)

/** What is still to be built, by the line of the guide: the fields that are refused. */
const TO_BE_BUILT: Readonly<Record<string, readonly string[]>> = {
  L0423: ['spec.storage', 'spec.persistentVolumeClaim.storageClassName'],
  L0534: ['spec.dataSource.type'],
  L0551: ['spec.dataSource.type'],
  L0629: ['spec.dataSource.type'],
  L0663: ['spec.dataSource.type'],
  L0903: ['spec.dataSource.type'],
  L2962: ['spec.type'],
  L3880: ['spec.dataSource.objectRef.kind'],
  L4180: ['spec.type'],
}

/** What DVP refuses itself: the guide's example is older than the field's name. */
const WRONG: Readonly<Record<string, readonly string[]>> = { L4153: ['spec.clone.nameReplacements'] }

const documents = readdirSync(FOLDER).map((file) => {
  const input: Readonly<Record<string, unknown>> = parse(readFileSync(new URL(file, FOLDER), 'utf8'))
  return { file, line: /L\d{4}/.exec(file)?.[0] ?? '', kind: KINDS.find(({ kind }) => kind === input.kind), input }
})

describe.each(documents)('$file', ({ line, kind, input }) => {
  const { errors, object } = kind ? admit(kind, input) : { errors: [], object: null }

  it('is of a kind that is served', () => expect(kind).toBeDefined())

  if (WRONG[line]) {
    it('is refused as DVP refuses it', () => expect(errors.map(({ path }) => path)).toEqual(WRONG[line]))
  } else if (TO_BE_BUILT[line]) {
    it('is refused by the field that is not built', () => {
      expect(errors.map(({ path }) => path)).toEqual(TO_BE_BUILT[line])
      for (const { reason, message } of errors) {
        expect(reason).toBe('FieldValueForbidden')
        expect(message).toMatch(/is not built yet in Berth$/)
      }
    })
  } else {
    it('is taken, with nothing lost', () => {
      expect(errors).toEqual([])
      expect(object).toMatchObject(input)
    })
  }
})

it('lists only lines that are there', () => {
  const lines = documents.map(({ line }) => line)
  for (const line of [...Object.keys(TO_BE_BUILT), ...Object.keys(WRONG)]) expect(lines).toContain(line)
  expect(new Set(lines).size).toBe(20)
})
