// Before each test file of a tier with properties: all of them draw from the run's seed. fast-check prints it with a failure.
import fc from 'fast-check'
import { seed } from './seed.ts'

fc.configureGlobal({ seed: seed() })
