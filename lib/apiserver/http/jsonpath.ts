// The part of Kubernetes' JSONPath that printer columns use: fields, escaped fields, `[0]`, `['key']`, `[*]`, `[?(@.type=='Ready')]`.
import { isRecord } from '../core/json.ts'

type Step = (values: readonly unknown[]) => readonly unknown[]
export type JsonPath = (object: unknown) => readonly unknown[]

/** @throws Error when the path is not of this subset: a fault of the kind's definition. */
export function compileJsonPath(path: string): JsonPath {
  const steps: Step[] = []
  let rest = path.replace(/^\$/, '')
  while (rest !== '') {
    const [step, length] = nextStep(rest, path)
    steps.push(step)
    rest = rest.slice(length)
  }
  return (object) => steps.reduce<readonly unknown[]>((values, step) => step(values), [object])
}

function nextStep(rest: string, path: string): readonly [Step, number] {
  const name = /^\.((?:\\.|[^.[\]\\])+)/.exec(rest)
  if (name?.[1] !== undefined) return [field(name[1].replace(/\\(.)/g, '$1')), name[0].length]
  const index = /^\[(-?\d+|\*)\]/.exec(rest)
  if (index?.[1] !== undefined) return [index[1] === '*' ? each : item(Number(index[1])), index[0].length]
  const quoted = /^\[(?:'([^']*)'|"([^"]*)")\]/.exec(rest)
  if (quoted !== null) return [field(quoted[1] ?? quoted[2] ?? ''), quoted[0].length]
  const filter = /^\[\?\(\s*@((?:\.[\w-]+)+)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|([\w.-]+))\s*\)\]/.exec(rest)
  if (filter?.[1] !== undefined) {
    const bare = filter[5]
    const wanted = bare === undefined ? (filter[3] ?? filter[4] ?? '') : literal(bare)
    return [where(compileJsonPath(filter[1]), filter[2] === '==', wanted), filter[0].length]
  }
  throw new Error(`cannot understand ${rest} in the JSON path ${path}`)
}

function literal(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

const field =
  (name: string): Step =>
  (values) =>
    values.flatMap((value) => (isRecord(value) && Object.hasOwn(value, name) ? [value[name]] : []))

const item =
  (index: number): Step =>
  (values) =>
    values.flatMap((value) => (Array.isArray(value) && value.at(index) !== undefined ? [value.at(index)] : []))

const each: Step = (values) =>
  values.flatMap((value) => (Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : []))

const where =
  (path: JsonPath, equal: boolean, wanted: unknown): Step =>
  (values) =>
    each(values).filter((value) => {
      const found = path(value)
      return found.length > 0 && (found[0] === wanted) === equal
    })
