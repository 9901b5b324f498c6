import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Codec } from '../../../../lib/libvirt/codec.ts'
import { ArgumentError, ProtocolError } from '../../../../lib/libvirt/errors.ts'
import { type ProcedureName, Protocol } from '../../../../lib/libvirt/protocol.ts'
import { XdrReader, XdrWriter } from '../../../../lib/libvirt/xdr.ts'
import { cat, domain, none, QEMU, REMOTE, some, str, UUID_A, u32 } from './bytes.ts'
import { type Field, fieldBytes, fieldsArbitrary, procedures } from './facts.ts'

const protocol = new Protocol()
const calls = procedures.filter(([, row]) => row.msg === undefined && row.fds !== true)
const messages = procedures.filter(([, row]) => row.msg !== undefined)

function encode(codec: Codec, value: unknown): Buffer {
  const writer = new XdrWriter(1_000_000)
  codec.write(writer, value, 'args')
  return writer.finish()
}

function decode(codec: Codec, bytes: Uint8Array): unknown {
  const reader = new XdrReader(bytes)
  const value = codec.read(reader)
  reader.end()
  return value
}

/** Values go to the independent encoder's bytes and back, and no prefix of the bytes passes for a value. */
function check(codec: Codec, fields: readonly Field[]): void {
  fc.assert(
    fc.property(fieldsArbitrary(fields), (value) => {
      const bytes = fieldBytes(fields, value)
      expect(encode(codec, value).equals(bytes)).toBe(true)
      expect(decode(codec, bytes)).toEqual(value)
    }),
    { numRuns: 12 },
  )
  const [sample] = fc.sample(fieldsArbitrary(fields), { numRuns: 1, seed: 7 })
  const bytes = fieldBytes(fields, sample)
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decode(codec, bytes.subarray(0, length))).toThrow(ProtocolError)
  }
  expect(() => decode(codec, cat(bytes, u32(0)))).toThrow(ProtocolError)
}

describe('the protocol', () => {
  it('has 395 calls of libvirt and five of QEMU under their numbers, and none that passes file descriptors', () => {
    expect(calls.length).toBe(400)
    for (const [name, row, program] of calls) {
      const procedure = protocol.procedure(name as ProcedureName)
      expect([procedure.number, procedure.program, procedure.stream]).toEqual([row.number, program, row.stream])
    }
    for (const [name] of procedures.filter(([, row]) => row.fds === true)) {
      expect(() => protocol.procedure(name as ProcedureName)).toThrow(`no callable procedure ${name}`)
    }
  })

  it('does not take an object’s own properties for procedures', () => {
    expect(() => protocol.procedure('constructor' as ProcedureName)).toThrow(TypeError)
    expect(() => protocol.procedure('DomainEventLifecycle' as ProcedureName)).toThrow(TypeError)
  })

  it('encodes and decodes the arguments of every call', () => {
    for (const [name, row] of calls) check(protocol.procedure(name as ProcedureName).args, row.args ?? [])
  })

  it('encodes and decodes the results of every call', () => {
    for (const [name, row] of calls) check(protocol.procedure(name as ProcedureName).ret, row.ret ?? [])
  })

  it('decodes every message', () => {
    for (const [name, row, program] of messages) {
      const message = protocol.message(program, row.number)
      expect(message?.name).toBe(name)
      if (message !== undefined) check(message.codec, row.msg ?? [])
    }
    expect(protocol.message(REMOTE, 1)).toBeUndefined()
    expect(protocol.message(1, 318)).toBeUndefined()
  })

  it('puts a start on the wire field by field', () => {
    const args = { dom: { name: 'db', uuid: UUID_A, id: -1 }, flags: 2 }
    const bytes = cat(str('db'), Buffer.from(UUID_A.replaceAll('-', ''), 'hex'), Buffer.from('ffffffff', 'hex'), u32(2))
    expect(encode(protocol.procedure('DomainCreateWithFlags').args, args).toString('hex')).toBe(bytes.toString('hex'))
  })

  it('reads a lifecycle message, whose body is a struct in the struct', () => {
    const message = protocol.message(REMOTE, 318)
    const bytes = cat(u32(3), domain('a', 1), u32(5), u32(1))
    expect(message && decode(message.codec, bytes)).toEqual({
      callbackId: 3,
      msg: { dom: { name: 'a', uuid: UUID_A, id: 1 }, event: 5, detail: 1 },
    })
  })

  it('has QEMU’s own program', () => {
    const args = { dom: null, event: 'SHUTDOWN', flags: 0 }
    const procedure = protocol.procedure('ConnectDomainMonitorEventRegister')
    expect([procedure.program, procedure.number]).toEqual([QEMU, 4])
    expect(encode(procedure.args, args)).toEqual(cat(none, some(str('SHUTDOWN')), u32(0)))
  })

  it('keeps libvirt’s maxima: a migration takes 64 parameters, statistics have more', () => {
    const params = (count: number) => new Array(count).fill({ field: 'f', value: { type: 'int', value: 1 } })
    const migrate = protocol.procedure('DomainMigrateBegin3Params').args
    const dom = { name: 'a', uuid: UUID_A, id: 1 }
    expect(() => encode(migrate, { dom, params: params(64), flags: 0 })).not.toThrow()
    expect(() => encode(migrate, { dom, params: params(65), flags: 0 })).toThrow(ArgumentError)
    const stats = protocol.procedure('ConnectGetAllDomainStats').ret
    expect(encode(stats, { retStats: [{ dom, params: params(20_000) }] }).length).toBeGreaterThan(200_000)
    const nodes = protocol.procedure('ConnectListAllNodeDevices').ret
    expect(() => encode(nodes, { devices: new Array(65_537).fill({ name: '' }), ret: 0 })).toThrow(ArgumentError)
    const domains = protocol.procedure('DomainFsfreeze').args
    expect(() => encode(domains, { dom, mountpoints: new Array(16_385).fill(''), flags: 0 })).toThrow(ArgumentError)
  })
})
