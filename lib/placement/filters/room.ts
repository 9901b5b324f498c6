// Room in storage classes for the disks that are to be made on the host. What was promised to others counts until it is taken.
import { type DiskFacts, roomOn } from '../facts.ts'
import { allOf, amountOf, type Filter, type HostFilter, type Rule, Shortage } from '../filter.ts'
import { roomFree, roomPromised } from '../measures.ts'
import type { Scene } from '../scene.ts'
import { sizeWords } from '../words.ts'

const name = 'Storage'

/** In classes where each host has a folder of its own. */
export const ROOM: HostFilter = {
  name,
  ofHost: true,
  prepare: ({ vm: { disks } }, scene) =>
    allOf(classesOf(disks).flatMap((each) => (isCommon(each, disks) ? [] : ruleOf(each, disks, scene)))),
}

/** In classes whose folder is one for all hosts: what is promised on any host counts. */
export const COMMON_ROOM: Filter = {
  name,
  prepare: ({ vm: { disks } }, scene) =>
    allOf(classesOf(disks).flatMap((each) => (isCommon(each, disks) ? ruleOf(each, disks, scene) : []))),
}

const classesOf = (disks: readonly DiskFacts[]): readonly string[] => [
  ...new Set(disks.flatMap(({ storageClass }) => storageClass ?? [])),
]

const isCommon = (storageClass: string, disks: readonly DiskFacts[]): boolean =>
  disks.some((disk) => disk.shared && !disk.made && disk.storageClass === storageClass)

function ruleOf(storageClass: string, all: readonly DiskFacts[], { roster, facts }: Scene): Rule {
  const disks = all.filter((disk) => disk.storageClass === storageClass)
  const free = roster.numbers(roomFree(storageClass))
  const promised = roster.numbers(roomPromised(storageClass))
  const isOne = isCommon(storageClass, all)
  const left = (slot: number) => free.at(slot) - (isOne ? promised.sum : promised.at(slot))
  const amount = amountOf(name, `room in the storage class ${storageClass}`, sizeWords)
  const needsOn = (slot: number) => {
    const host = facts[slot]?.name ?? ''
    let sum = 0
    for (const disk of disks) sum += roomOn(disk, host)
    return sum
  }
  return {
    fits: (slot) => {
      const needs = needsOn(slot)
      return needs === 0 || needs <= left(slot)
    },
    why: (slot) => {
      const of = facts[slot]?.storageClasses?.get(storageClass)?.totalBytes ?? 0
      // Fewer VMs make no room on disks: what was made stays.
      return new Shortage(amount, { needs: needsOn(slot), free: left(slot), of }, false)
    },
  }
}
