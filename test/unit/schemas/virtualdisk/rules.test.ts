import type { VirtualDisk } from '../../../../schemas/index.ts'
import {
  blankDiskHasSize,
  readyDiskOnlyGrows,
  sizeIsPositive,
  snapshotSourceIsBuilt,
  sourceIsFrozenWhenReady,
  sourceIsValid,
  storageClassChangeIsBuilt,
} from '../../../../schemas/virtualdisk/rules.ts'
import { checkRules } from '../expect.ts'
import { httpSource, virtualDisk as vd } from '../samples.ts'

const SIZE = 'spec.persistentVolumeClaim.size'
const sized = (size: string | number, status?: VirtualDisk['status']) => vd({ persistentVolumeClaim: { size } }, status)
const ready = (capacity?: string) => ({ phase: 'Ready', ...(capacity !== undefined && { capacity }) }) as const
const classed = (storageClassName: string, status?: VirtualDisk['status']) =>
  vd({ persistentVolumeClaim: { size: '1Gi', storageClassName } }, status)
const fromImage = (status?: VirtualDisk['status']) => vd({ dataSource: httpSource }, status)
const ref = (kind: 'VirtualImage' | 'VirtualDiskSnapshot') =>
  vd({ dataSource: { type: 'ObjectRef', objectRef: { kind, name: 'a' } } })

checkRules<VirtualDisk>([
  {
    rule: sourceIsValid,
    good: [[sized('1Gi')], [fromImage()]],
    bad: [[vd({ dataSource: {} }), 'spec.dataSource.type', /must be one of/]],
  },
  {
    rule: snapshotSourceIsBuilt,
    good: [[ref('VirtualImage')]],
    bad: [[ref('VirtualDiskSnapshot'), 'spec.dataSource.objectRef.kind', /is not built yet in Berth$/]],
  },
  {
    rule: blankDiskHasSize,
    good: [[sized('1Gi')], [fromImage()]],
    bad: [
      [vd({}), SIZE, /needs a size/],
      [vd({ persistentVolumeClaim: { storageClassName: 'x' } }), SIZE, /needs a size/],
    ],
  },
  {
    rule: sizeIsPositive,
    good: [[sized('1Gi')], [sized(1)], [fromImage()]],
    bad: [
      [sized('0'), SIZE, /greater than 0/],
      [sized(0), SIZE, /greater than 0/],
      [sized('-1Gi'), SIZE, /greater than 0/],
      [sized('1GB'), SIZE, /unknown unit "GB"/],
      [sized('16Ei'), SIZE, /too large/],
    ],
  },
  {
    rule: readyDiskOnlyGrows,
    good: [
      [sized('1Gi')],
      [sized('1Gi'), sized('2Gi', { phase: 'Provisioning' })],
      [sized('2Gi'), sized('1Gi', ready('1Gi'))],
      [sized('1024Mi'), sized('1Gi', ready('1Gi'))],
      [fromImage(), fromImage(ready('1Gi'))],
    ],
    bad: [
      [sized('1Gi'), SIZE, /only grow: 1Gi is less than 2Gi/, sized('2Gi', ready())],
      [sized('2Gi'), SIZE, /only grow/, sized('3Gi', { phase: 'Resizing', capacity: '1Gi' })],
      [sized('1Gi'), SIZE, /only grow: 1Gi is less than 10Gi/, fromImage(ready('10Gi'))],
      [vd({}), SIZE, /cannot be removed/, sized('1Gi', ready('1Gi'))],
    ],
  },
  {
    rule: sourceIsFrozenWhenReady,
    good: [[fromImage()], [fromImage(), sized('1Gi')], [fromImage(), fromImage(ready())]],
    bad: [
      [fromImage(), 'spec.dataSource', /once the disk is ready/, sized('1Gi', ready())],
      [sized('1Gi'), 'spec.dataSource', /once the disk is ready/, fromImage(ready())],
    ],
  },
  {
    rule: storageClassChangeIsBuilt,
    good: [[classed('a')], [classed('a'), classed('b')], [classed('a'), classed('a', ready())]],
    bad: [
      [
        classed('a'),
        'spec.persistentVolumeClaim.storageClassName',
        /is not built yet in Berth$/,
        classed('b', ready()),
      ],
    ],
  },
])
