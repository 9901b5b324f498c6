// core/v1 Event: something that happened to an object, counted while it repeats.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import { column, wideColumn } from '../columns.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { Choice, type DeepReadonly, Int32, NullableTime } from '../shapes.ts'

const text = () => Type.Optional(Type.String())
const Moment = () => Type.Optional(NullableTime())

const ObjectReference = () =>
  Type.Object(
    {
      apiVersion: text(),
      fieldPath: text(),
      kind: text(),
      name: text(),
      namespace: text(),
      resourceVersion: text(),
      uid: text(),
    },
    { 'x-kubernetes-map-type': 'atomic' },
  )

const Fields = Type.Object({
  involvedObject: ObjectReference(),
  related: Type.Optional(ObjectReference()),
  reason: text(),
  message: text(),
  type: Type.Optional(Choice(['Normal', 'Warning'])),
  source: Type.Optional(Type.Object({ component: text(), host: text() })),
  firstTimestamp: Moment(),
  lastTimestamp: Moment(),
  eventTime: Moment(),
  count: Type.Optional(Int32()),
  series: Type.Optional(Type.Object({ count: Type.Optional(Int32()), lastObservedTime: Moment() })),
  action: text(),
  reportingComponent: text(),
  reportingInstance: text(),
})

export interface Event extends KubeObject, DeepReadonly<Type.Static<typeof Fields>> {}

const selectable = (read: (event: Event) => string | undefined) => (object: KubeObject) => read(object as Event) ?? ''

export const EVENT: KindDef = {
  group: '',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  categories: [],
  namespaced: true,
  resource: 'events',
  versions: [
    {
      name: 'v1',
      schema: Fields,
      columns: [
        column('Last Seen', '.lastTimestamp', 'date'),
        column('Type', '.type'),
        column('Reason', '.reason'),
        column('Kind', '.involvedObject.kind'),
        column('Object', '.involvedObject.name'),
        column('Message', '.message'),
        wideColumn('Source', '.source.component'),
        wideColumn('First Seen', '.firstTimestamp', 'date'),
        wideColumn('Count', '.count', 'integer'),
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: dnsSubdomain,
  rules: [],
  selectableFields: {
    'involvedObject.kind': selectable((event) => event.involvedObject.kind),
    'involvedObject.namespace': selectable((event) => event.involvedObject.namespace),
    'involvedObject.name': selectable((event) => event.involvedObject.name),
    'involvedObject.uid': selectable((event) => event.involvedObject.uid),
    'involvedObject.apiVersion': selectable((event) => event.involvedObject.apiVersion),
    'involvedObject.resourceVersion': selectable((event) => event.involvedObject.resourceVersion),
    'involvedObject.fieldPath': selectable((event) => event.involvedObject.fieldPath),
    reason: selectable((event) => event.reason),
    reportingComponent: selectable((event) => event.reportingComponent),
    source: selectable((event) => event.source?.component),
    type: selectable((event) => event.type),
  },
}
