// The words of `berth-agent --rebuild`, apart from what it does.

export const REBUILD_USAGE = `berth-agent --rebuild                            makes the database anew from what is on the host; the agent must be stopped
berth-agent --rebuild --missing                  adds what is on the host and not in the database
`
