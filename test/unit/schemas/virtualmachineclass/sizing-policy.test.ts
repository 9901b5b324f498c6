import { describe, expect, it } from 'vitest'
import type { SizingPolicy } from '../../../../schemas/index.ts'
import {
  effectiveCoreFraction,
  matchingPolicy,
  SIZING_HINT,
  sizingMessage,
  sizingProblems,
} from '../../../../schemas/virtualmachineclass/sizing-policy.ts'

const vm = (cores: number, size: string, coreFraction?: string) => ({
  cpu: { cores, ...(coreFraction !== undefined && { coreFraction }) },
  memory: { size },
})

/** The class of DVP's user guide. */
const GUIDE: { readonly sizingPolicies: readonly SizingPolicy[] } = {
  sizingPolicies: [
    {
      cores: { min: 1, max: 4 },
      memory: { min: '1Gi', max: '8Gi' },
      coreFractions: ['5%', '10%', '20%', '50%', '100%'],
    },
    { cores: { min: 5, max: 8 }, memory: { min: '5Gi', max: '16Gi' }, coreFractions: ['20%', '50%', '100%'] },
  ],
}
const row = (policy: Partial<SizingPolicy>) => ({ sizingPolicies: [{ cores: { min: 1, max: 16 }, ...policy }] })

const problems = (spec: ReturnType<typeof vm>, classSpec: { readonly sizingPolicies: readonly SizingPolicy[] }) =>
  sizingProblems(spec, 'supercpu', classSpec).map(({ path, message }) => [path, message])

describe('the row', () => {
  it.each([
    [1, 0],
    [4, 0],
    [5, 1],
    [8, 1],
  ])('of %i cores is %i', (cores, index) => {
    expect(matchingPolicy(GUIDE, cores)).toBe(GUIDE.sizingPolicies[index])
  })
  it('may be none', () => {
    expect(matchingPolicy(GUIDE, 9)).toBeUndefined()
    expect(matchingPolicy({}, 1)).toBeUndefined()
  })
})

describe('the core fraction', () => {
  const half = row({ defaultCoreFraction: '50%' })
  it.each([
    ['own', vm(1, '1Gi', '10%'), half, '10%'],
    ['of the row', vm(1, '1Gi'), half, '50%'],
    ['of no row', vm(17, '1Gi'), half, '100%'],
    ['of a row without one', vm(1, '1Gi'), row({}), '100%'],
    ['of a class without a table', vm(1, '1Gi'), {}, '100%'],
  ])('%s', (_title, spec, classSpec, fraction) => expect(effectiveCoreFraction(spec, classSpec)).toBe(fraction))
})

describe('allowed', () => {
  it.each([
    ['no table', vm(999, '1Ki', '3%'), { sizingPolicies: [] }],
    ['within', vm(2, '8Gi', '5%'), GUIDE],
    ['the full fraction by default', vm(2, '1024Mi'), GUIDE],
    ['the default of the row', vm(2, '1Gi'), row({ coreFractions: ['50%'], defaultCoreFraction: '50%' })],
    ['on a step of memory', vm(1, '2560Mi'), row({ memory: { min: '1Gi', max: '4Gi', step: '512Mi' } })],
    ['the maximum off the steps', vm(1, '4Gi'), row({ memory: { min: '1Gi', max: '4Gi', step: '2Gi' } })],
    ['steps without a maximum', vm(1, '1025Mi'), row({ memory: { min: '1Gi', step: '1Gi' } })],
    ['steps without a minimum', vm(1, '3Gi'), row({ memory: { max: '4Gi', step: '1Gi' } })],
    ['zero ends are open', vm(1, '3Gi'), row({ memory: { min: 0, max: '0', step: 0 } })],
    ['per core', vm(6, '12Gi'), row({ memory: { perCore: { min: '1Gi', max: '2Gi' } } })],
    ['per core on a step', vm(2, '3Gi'), row({ memory: { step: '512Mi', perCore: { min: '1Gi', max: '2Gi' } } })],
    ['on a step of cores', vm(4, '1Gi'), { sizingPolicies: [{ cores: { min: 2, max: 8, step: 2 } }] }],
    ['a huge range of tiny steps', vm(1, '1Ti'), row({ memory: { max: '2Ti', step: 1 } })],
  ])('%s', (_title, spec, classSpec) => expect(problems(spec, classSpec)).toEqual([]))
})

describe('refused, in the words of the user guide', () => {
  it.each([
    [
      vm(10, '1Gi'),
      GUIDE,
      'spec.cpu.cores',
      'does not match any sizing policy of VirtualMachineClass "supercpu": its 10 CPU core(s) fall outside the allowed ranges (1-4, 5-8); set the number of cores (spec.cpu.cores) accordingly',
    ],
    [
      vm(2, '1Gi', '30%'),
      GUIDE,
      'spec.cpu.coreFraction',
      'the CPU core fraction "30%" is not allowed; set the core fraction (spec.cpu.coreFraction) to one of: 5%, 10%, 20%, 50%, 100%',
    ],
    [
      vm(2, '16Gi'),
      GUIDE,
      'spec.memory.size',
      'the memory size (16Gi) is out of the range allowed by the sizing policy; set the memory size (spec.memory.size) between 1Gi and 8Gi',
    ],
    [
      vm(7, '1Gi'),
      { sizingPolicies: [{ cores: { min: 2, max: 8, step: 2 } }] },
      'spec.cpu.cores',
      'the number of CPU cores (7) does not match the sizing policy step; set the number of cores (spec.cpu.cores) to 6 or 8',
    ],
    [
      vm(1, '1536Mi'),
      row({ memory: { min: '1Gi', max: '8Gi', step: '1Gi' } }),
      'spec.memory.size',
      'the memory size (1536Mi) does not match the sizing policy step; set the memory size (spec.memory.size) to 1Gi or 2Gi',
    ],
    [
      vm(6, '18Gi'),
      row({ memory: { perCore: { min: '1Gi', max: '2Gi' } } }),
      'spec.memory.size',
      'the memory size (18Gi) is not allowed for 6 CPU core(s); set the memory size (spec.memory.size) between 6Gi and 12Gi, or change the number of cores (spec.cpu.cores) (the sizing policy allows between 1Gi and 2Gi of memory per core)',
    ],
    [
      vm(2, '2560Mi'),
      row({ memory: { step: '1Gi', perCore: { min: '1Gi', max: '2Gi' } } }),
      'spec.memory.size',
      'the memory size (2560Mi) does not match the per-core sizing policy step for 2 CPU core(s); set the memory size (spec.memory.size) to 2Gi or 4Gi, or change the number of cores (spec.cpu.cores)',
    ],
    [
      vm(1, '512Mi'),
      row({ memory: { min: '1Gi' } }),
      'spec.memory.size',
      'the memory size (512Mi) is out of the range allowed by the sizing policy; set the memory size (spec.memory.size) to at least 1Gi',
    ],
    [
      vm(2, '8Gi'),
      row({ memory: { perCore: { max: '2Gi' } } }),
      'spec.memory.size',
      'the memory size (8Gi) is not allowed for 2 CPU core(s); set the memory size (spec.memory.size) to at most 4Gi, or change the number of cores (spec.cpu.cores) (the sizing policy allows at most 2Gi of memory per core)',
    ],
    [
      vm(1, '3.5Gi'),
      row({ memory: { min: '1Gi', max: '4Gi', step: '2Gi' } }),
      'spec.memory.size',
      'the memory size (3584Mi) does not match the sizing policy step; set the memory size (spec.memory.size) to 3Gi or 4Gi',
    ],
  ])('example %#', (spec, classSpec, path, message) => expect(problems(spec, classSpec)).toEqual([[path, message]]))
})

describe('one message', () => {
  it('is empty without problems', () => expect(sizingMessage([], 'c')).toBe(''))

  it('ends with the hint', () => {
    const [first] = sizingProblems(vm(2, '16Gi'), 'supercpu', GUIDE)
    expect(sizingMessage(sizingProblems(vm(2, '16Gi'), 'supercpu', GUIDE), 'supercpu')).toBe(
      `${first?.message}\n${SIZING_HINT}`,
    )
  })

  it('lists several', () => {
    const message = sizingMessage(sizingProblems(vm(2, '16Gi', '30%'), 'supercpu', GUIDE), 'supercpu')
    expect(message.split('\n')).toEqual([
      'does not match the sizing policy of VirtualMachineClass "supercpu" for several reasons:',
      expect.stringMatching(/^- the CPU core fraction "30%"/),
      expect.stringMatching(/^- the memory size \(16Gi\)/),
      SIZING_HINT,
    ])
  })
})
