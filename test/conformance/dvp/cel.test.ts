// Every CEL rule of DVP's CRDs and the function that stands for it. Each function has passing and failing examples in
// test/unit/schemas; this file makes sure that no rule of DVP is without one.
import { expect, it } from 'vitest'
import * as image from '../../../schemas/image/rules.ts'
import * as source from '../../../schemas/image/source-rules.ts'
import { KINDS } from '../../../schemas/index.ts'
import * as vm from '../../../schemas/virtualmachine/rules-dvp.ts'
import * as vmclass from '../../../schemas/virtualmachineclass/rules.ts'
import * as vmop from '../../../schemas/virtualmachineoperation/rules.ts'
import { celRules, readCrd } from './crd.ts'

type Function = (...args: never[]) => readonly unknown[]

/** Rules of a kind by path, in DVP's order. `schema` is a rule that the schema itself states. */
const FUNCTIONS: Readonly<Record<string, readonly (Function | 'schema')[]>> = {
  'virtualmachines spec': [
    vm.coreFractionIsPercentage,
    vm.legacyBootsFromBios,
    vm.legacyHasNoProvisioning,
    vm.legacyIdeHasFourPlaces,
  ],
  'virtualmachines spec.provisioning.userData': [vm.userDataFits],
  'virtualmachineclasses spec.cpu': [
    vmclass.cpuIsImmutable,
    vmclass.hostTakesNoDetails,
    vmclass.discoveryTakesOnlyDiscovery,
    vmclass.modelTakesOnlyModel,
    vmclass.featuresTakeOnlyFeatures,
  ],
  'virtualmachineclasses spec.sizingPolicies[].cores': [
    vmclass.coresMaximumExceedsMinimum,
    vmclass.coresMaximumExceedsStep,
  ],
  'virtualmachineclasses spec.sizingPolicies[].defaultCoreFraction': ['schema'],
  'virtualmachineoperations spec': [
    vmop.specIsImmutable,
    vmop.startIsNotForced,
    vmop.restoreHasDetails,
    vmop.cloneHasDetails,
    vmop.migrateBelongsToMigrate,
  ],
  'virtualmachineoperations spec.clone': [vmop.cloneGetsNewNames],
  'virtualmachineoperations spec.clone.customization': [vmop.namePrefixFits, vmop.nameSuffixFits],
  'virtualmachineoperations spec.clone.nameReplacement': [vmop.replacementsFit],
  ...Object.fromEntries(
    ['virtualdisks', 'virtualimages', 'clustervirtualimages'].map((plural) => [
      `${plural} spec.dataSource`,
      [
        source.httpTakesOnlyHttp,
        source.containerImageTakesOnlyContainerImage,
        source.objectRefTakesOnlyObjectRef,
        source.uploadTakesOnlyUpload,
      ],
    ]),
  ),
  'clustervirtualimages spec.dataSource.objectRef': [image.namespacedRefHasNamespace, image.refNamespaceIsShort],
}

/** How many rules DVP has at each place, whatever the version. */
function placesOf(plural: string): Map<string, number> {
  const places = new Map<string, number>()
  for (const { schema } of readCrd(plural).versions) {
    const rules = celRules(schema.openAPIV3Schema)
    for (const { path } of rules) {
      places.set(`${plural} ${path}`, new Set(rules.filter((rule) => rule.path === path).map(({ rule }) => rule)).size)
    }
  }
  return places
}

it('has a function for every rule', () => {
  const plurals = KINDS.filter(({ group }) => group === 'virtualization.deckhouse.io').map(({ plural }) => plural)
  const theirs = Object.fromEntries(plurals.flatMap((plural) => [...placesOf(plural)]))
  const ours = Object.fromEntries(Object.entries(FUNCTIONS).map(([place, list]) => [place, list.length]))
  expect(ours).toEqual(theirs)
  expect(Object.values(ours).reduce((sum, count) => sum + count, 0)).toBe(36)
})
