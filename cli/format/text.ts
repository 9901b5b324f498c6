// Text from objects, made fit for a terminal: a guest or a downloaded file may have put escape sequences into it.

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above, with tab and line end
const CONTROL_LINE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** One line: line ends and tabs become blanks, other control characters their code. */
export const oneLine = (text: string): string => text.replace(/[\r\n\t]+/g, ' ').replace(CONTROL_LINE, escaped)

/** Several lines: only tabs and line ends stay. */
export const manyLines = (text: string): string => text.replace(/\r\n?/g, '\n').replace(CONTROL, escaped)
