// DVP's liveMigrationPolicy: whether a move may slow the guest's processors down (auto-converge), and what `force` means with it. Pure.
import type { VirtualMachine } from '../../schemas/index.ts'

export type LiveMigrationPolicy = VirtualMachine['spec']['liveMigrationPolicy']

export type PolicyVerdict =
  | { readonly ok: true; readonly autoConverge: boolean }
  | { readonly ok: false; readonly message: string }

/** `force`: of the operation; undefined when it says neither. */
export function judgePolicy(policy: LiveMigrationPolicy, force: boolean | undefined): PolicyVerdict {
  switch (policy) {
    case 'AlwaysSafe':
      return force === true
        ? {
            ok: false,
            message: 'the liveMigrationPolicy AlwaysSafe never slows the guest down: spec.force must not be true',
          }
        : { ok: true, autoConverge: false }
    case 'PreferSafe':
      return { ok: true, autoConverge: force === true }
    case 'AlwaysForced':
      return force === true
        ? { ok: true, autoConverge: true }
        : {
            ok: false,
            message:
              'the liveMigrationPolicy AlwaysForced always slows the guest down: agree to it with spec.force: true',
          }
    case 'PreferForced':
      return { ok: true, autoConverge: force !== false }
  }
}

/** The `force` with which a move that the cluster itself asks for agrees to the policy. */
export const forceFor = (policy: LiveMigrationPolicy): boolean | undefined =>
  policy === 'AlwaysForced' ? true : undefined
