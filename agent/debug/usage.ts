// The words of `berth-agent debug`, apart from what it does: a running agent needs no more of it.

export const DEBUG_USAGE = `berth-agent debug [FILE]                         a bundle for whoever helps: objects, metrics, logs, domains; without secrets
`
