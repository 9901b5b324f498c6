import { describe, expect, it } from 'vitest'
import { fromParams, toParams, typed, withParamCount } from '../../../../lib/libvirt/params.ts'
import type { LibvirtPool } from '../../../../lib/libvirt/pool.ts'

describe('typed parameters', () => {
  it('come from plain values, with libvirt’s usual types', () => {
    const values = { i: -3, big: 2n ** 63n, yes: true, uri: 'tcp://h', gone: undefined, quota: typed.hyper(-1n) }
    expect(toParams(values)).toEqual([
      { field: 'i', value: { type: 'int', value: -3 } },
      { field: 'big', value: { type: 'uhyper', value: 2n ** 63n } },
      { field: 'yes', value: { type: 'bool', value: true } },
      { field: 'uri', value: { type: 'string', value: 'tcp://h' } },
      { field: 'quota', value: { type: 'hyper', value: -1n } },
    ])
  })

  it('repeat a name for each value of a list', () => {
    expect(toParams({ migrate_disks: ['vda', 'vdb'], x: [typed.uint(1), typed.double(0.5)] })).toEqual([
      { field: 'migrate_disks', value: { type: 'string', value: 'vda' } },
      { field: 'migrate_disks', value: { type: 'string', value: 'vdb' } },
      { field: 'x', value: { type: 'uint', value: 1 } },
      { field: 'x', value: { type: 'double', value: 0.5 } },
    ])
  })

  it('go back to plain values, whatever their names', () => {
    const params = toParams({ a: 1, b: 2n, c: 'x', d: false })
    expect(fromParams(params)).toEqual({ a: 1, b: 2n, c: 'x', d: false })
    const odd = fromParams([{ field: '__proto__', value: { type: 'string', value: 'x' } }])
    expect(Object.getPrototypeOf(odd)).toBe(Object.prototype)
    expect(Object.keys(odd)).toEqual(['__proto__'])
  })
})

describe('calls that are made twice', () => {
  const dom = { name: 'a', uuid: '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9', id: 1 }
  const asking = (count: number) => {
    const asked: unknown[] = []
    const call = (_name: string, args: { nparams: number }) => {
      asked.push(args)
      return Promise.resolve({ params: toParams(args.nparams > 0 ? { weight: 5 } : {}), nparams: count })
    }
    return { asked, pool: { call } as unknown as Pick<LibvirtPool, 'call'> }
  }

  it('ask for the number first, then for that many', async () => {
    const { asked, pool } = asking(7)
    const result = await withParamCount(pool, 'DomainGetBlkioParameters', { dom, flags: 2 })
    expect(asked).toEqual([
      { dom, flags: 2, nparams: 0 },
      { dom, flags: 2, nparams: 7 },
    ])
    expect(fromParams(result.params)).toEqual({ weight: 5 })
  })

  it('are content when there are none', async () => {
    const { asked, pool } = asking(0)
    expect((await withParamCount(pool, 'DomainGetBlkioParameters', { dom, flags: 0 })).params).toEqual([])
    expect(asked.length).toBe(1)
  })
})
