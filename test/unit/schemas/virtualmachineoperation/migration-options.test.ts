import { describe, expect, it } from 'vitest'
import { migrationWish, postCopyErrors } from '../../../../schemas/virtualmachineoperation/migration-options.ts'

describe('annotations of a move', () => {
  it('none ask for nothing, and others are not ours', () => {
    expect(migrationWish(undefined)).toEqual({ wish: { options: {} }, errors: [] })
    expect(migrationWish({ 'berth/evacuation': 'h1', 'example.com/migration-x': 'y' })).toEqual({
      wish: { options: {} },
      errors: [],
    })
  })
  it.each([
    ['post-copy', 'true', { postCopy: true }],
    ['post-copy', 'false', { postCopy: false }],
    ['parallel-connections', '0', { parallelConnections: 0 }],
    ['parallel-connections', '255', { parallelConnections: 255 }],
    ['bandwidth', '0', { bandwidthMiBps: 0 }],
    ['bandwidth', '640Mi', { bandwidthMiBps: 640 }],
    ['bandwidth', '1Gi', { bandwidthMiBps: 1024 }],
  ])('%s: %s', (name, value, options) => {
    expect(migrationWish({ [`berth/migration-${name}`]: value })).toEqual({ wish: { options }, errors: [] })
  })
  it.each([
    ['source', 'KeepSource'],
    ['disk', 'StartAnew'],
    ['target', 'KeepTarget'],
  ])('resolution: %s', (value, resolution) => {
    expect(migrationWish({ 'berth/migration-resolution': value }).wish).toEqual({ options: {}, resolution })
  })
  it.each([
    ['post-copy', 'yes', /"true" or "false"/],
    ['parallel-connections', '256', /0 .* to 255/],
    ['parallel-connections', '-1', /whole number/],
    ['bandwidth', '10', /from 1Mi on/],
    ['bandwidth', 'fast', /quantity/],
    ['bandwidth', '2Ti', /quantity/],
    ['bandwidth', '-1Gi', /quantity/],
    ['resolution', 'both', /"source", "target" or "disk"/],
    ['multifd', '4', /no such option; there are .*post-copy/],
  ])('%s: %s is refused', (name, value, words) => {
    const { errors } = migrationWish({ [`berth/migration-${name}`]: value })
    expect(errors).toEqual([
      expect.objectContaining({
        path: `metadata.annotations[berth/migration-${name}]`,
        message: expect.stringMatching(words),
      }),
    ])
  })
  it('post-copy does not go with AlwaysSafe', () => {
    expect(postCopyErrors({ postCopy: true }, 'AlwaysSafe')).toHaveLength(1)
    for (const policy of ['PreferSafe', 'PreferForced', undefined])
      expect(postCopyErrors({ postCopy: true }, policy)).toEqual([])
    expect(postCopyErrors({}, 'AlwaysSafe')).toEqual([])
  })
})
