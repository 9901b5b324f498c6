// Which versions of scheduler and agent work together: the same major number, minor numbers at most one apart.

const parse = (version: string): readonly [number, number] | null => {
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})\.\d/.exec(version) ?? []
  return major === undefined || minor === undefined ? null : [Number(major), Number(minor)]
}

/** In words why an agent of that version cannot join a scheduler of this one; null when it can. */
export function versionProblem(agent: string, scheduler: string): string | null {
  const [theirs, ours] = [parse(agent), parse(scheduler)]
  if (theirs === null || ours === null)
    return `the version ${JSON.stringify((theirs === null ? agent : scheduler).slice(0, 40))} is no version`
  const [major, minor] = theirs
  if (major === ours[0] && Math.abs(minor - ours[1]) <= 1) return null
  const older = major < ours[0] || (major === ours[0] && minor < ours[1])
  return `the agent's version ${agent} is too ${older ? 'old' : 'new'} for a scheduler of version ${scheduler}: the major number must be the same and the minor number at most one apart. Upgrade the ${older ? 'agent' : 'scheduler'} first`
}
