import { describe, expect, expectTypeOf, it } from 'vitest'
import type {
  ArgsOf,
  CountedName,
  Domain,
  Dropped,
  LibvirtEvent,
  LibvirtPool,
  ProcedureName,
  Reconnected,
  ResultOf,
  TypedParam,
} from '../../../../lib/libvirt/index.ts'
import * as libvirt from '../../../../lib/libvirt/index.ts'

describe('the package', () => {
  it('exports what its README shows', () => {
    const { LibvirtPool: Pool, LibvirtError, LibvirtTimeout, ConnectionLost, DomainState, ErrorNumber, Names } = libvirt
    expect([Pool, LibvirtError, LibvirtTimeout, ConnectionLost].map(({ name }) => name)).toEqual([
      'LibvirtPool',
      'LibvirtError',
      'LibvirtTimeout',
      'ConnectionLost',
    ])
    expect([DomainState.RUNNING, ErrorNumber.ERR_NO_DOMAIN, Names.MIGRATE_PARAM_URI]).toEqual([1, 42, 'migrate_uri'])
  })

  it('knows libvirt’s errors by kind', () => {
    const error = (code: number) => new libvirt.LibvirtError('X', { code, domain: 0, level: 2, message: null })
    const kinds: readonly [(error: unknown) => boolean, number][] = [
      [libvirt.isNoDomain, 42],
      [libvirt.isNoNetwork, 43],
      [libvirt.isNoStoragePool, 49],
      [libvirt.isNoStorageVol, 50],
      [libvirt.isNoSecret, 66],
      [libvirt.isNoSnapshot, 72],
      [libvirt.isNoMetadata, 80],
      [libvirt.isDeviceMissing, 99],
      [libvirt.isAlreadyThere, 28],
      [libvirt.isOperationInvalid, 55],
      [libvirt.isOperationFailed, 9],
      [libvirt.isOperationTimeout, 68],
      [libvirt.isOperationAborted, 78],
      [libvirt.isResourceBusy, 87],
      [libvirt.isAgentUnavailable, 86],
      [libvirt.isInvalidXml, 27],
      [libvirt.isUnsupported, 3],
    ]
    for (const [is, code] of kinds) {
      expect([is.name, is(error(code))]).toEqual([is.name, true])
      expect(kinds.filter(([other]) => other(error(code))).length).toBe(1)
      expect(is(new Error('42'))).toBe(false)
    }
    expect(error(1).message).toBe('libvirt error 1 without a message')
  })

  it('is typed by procedure name', () => {
    expectTypeOf<ArgsOf<'DomainCreateWithFlags'>>().toEqualTypeOf<{ readonly dom: Domain; readonly flags: number }>()
    expectTypeOf<ResultOf<'DomainGetState'>>().toEqualTypeOf<{ readonly state: number; readonly reason: number }>()
    expectTypeOf<ArgsOf<'DomainOpenConsole'>['devName']>().toEqualTypeOf<string | null>()
    expectTypeOf<ResultOf<'NodeGetFreeMemory'>['freeMem']>().toEqualTypeOf<bigint>()
    expectTypeOf<LibvirtEvent<'jobCompleted'>['params']>().toEqualTypeOf<readonly TypedParam[]>()
    expectTypeOf<LibvirtEvent<'lifecycle'>['event']>().toEqualTypeOf<number>()
    expectTypeOf<'DomainOpenGraphicsFd'>().not.toExtend<ProcedureName>()
    expectTypeOf<'DomainGetBlkioParameters'>().toExtend<CountedName>()
    expectTypeOf<'DomainGetState'>().not.toExtend<CountedName>()
    type Item = ReturnType<LibvirtPool['events']> extends AsyncIterable<infer T> ? T : never
    expectTypeOf<Dropped | Reconnected>().toExtend<Item>()
  })
})
