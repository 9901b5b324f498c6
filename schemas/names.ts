// What a name may be, per kind of name (Kubernetes, "Object Names and IDs"), in words for the person who chose it.

type NameCheck = (name: string) => string | null

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

/** RFC 1123 label of 1 to 63 characters. */
export const dnsLabel: NameCheck = (name) => {
  if (name.length === 0) return 'a name is required'
  if (name.length > 63) return `must be no longer than 63 characters, has ${name.length}`
  if (!LABEL.test(name)) {
    return 'must consist of lower case letters, digits and "-", and begin and end with a letter or digit'
  }
  return null
}

/** RFC 1123 subdomain of 1 to 253 characters: labels joined by dots, each of any length. */
export const dnsSubdomain: NameCheck = (name) => {
  if (name.length === 0) return 'a name is required'
  if (name.length > 253) return `must be no longer than 253 characters, has ${name.length}`
  if (!name.split('.').every((part) => LABEL.test(part))) {
    return 'must consist of lower case letters, digits, "-" and ".", and each part between dots must begin and end with a letter or digit'
  }
  return null
}

/** A subdomain without dots, up to 253 characters: DVP's rule for disks. */
export const dotlessName: NameCheck = (name) =>
  name.includes('.') ? 'must not contain ".": letters, digits and "-" are allowed' : dnsSubdomain(name)
