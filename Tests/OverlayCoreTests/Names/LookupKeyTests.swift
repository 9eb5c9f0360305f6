import Testing

@testable import OverlayCore

/// Vectors of an implementation that has nothing in common with this one: Python's hashlib, and OpenSSL's Ed25519 by
/// the package cryptography.
///
///     seed = hashlib.sha3_256(b"oncilla lookup service 1\0" + address + bytes([index])).digest()
///     public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
///     name = base32(public + sha3_256(b".onion checksum" + public + b"\3").digest()[:2] + b"\3")
///     key = bytearray(hashlib.sha512(seed).digest()); key[0] &= 248; key[31] = key[31] & 63 | 64
struct LookupVector: Sendable {
  let address: String
  let index: UInt8
  let seed: String
  let label: String
  let key: String

  static let all = [
    LookupVector(
      address: "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03", index: 0,
      seed: "65f18f2bb0c4a4aa9d26d2fb4251d53c17b4d864faa52ba1d80b77b455974484",
      label: "pmyjsoshrx4ovivzyqpkp7hxzpi2yfx6v3wvdqfaxtn6iuziknrb2sad",
      key: "QLE+RUavAfTShoPlE6iEhM7jKf/F4sxb1ZOlGFu3y3/vsBiUnEJlnvfG3wZAFZF22k59eSUmlJtwX+LRMz9Bbg=="),
    LookupVector(
      address: "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03", index: 1,
      seed: "ef66b5e5c81edd68d67ecdfc22e583c58de87c921cd91696870a49dc528d8223",
      label: "l5czs4go7covoaugxf5l2fby6pmcj23vcwx3ow23zujk7rdzkijhl4id",
      key: "UAxN5WRE8fI8UC2vmIhdcdJPhtI/jdZUmMvoiy4xJEpF6ZtbHhuO8IHE4J9OtpwqqfS28y9Xlh28uzkSeP17xA=="),
    LookupVector(
      address: "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03", index: 2,
      seed: "8c272cce0c03474cb8f668ea93d45fe9f87b99c2d24d51e451c690b79f328996",
      label: "ws75xrxxyp7eiz6643z3k2jyozvgbdgyo6bop3mv7aycyujolgmyvtid",
      key: "EHd0iLegpsyqE6x3H/4BfJuS5mKHrqJN7QyZMMvAKWdqoT/6+HmpBAqOkVoe62d3JzoA8wdyZXIFFT7S+FP51A=="),
    LookupVector(
      address: "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03", index: 3,
      seed: "79ad93a1cb56c79cd2393364769fb59438fe9ea15f0c76f37a5db2967bbdce33",
      label: "rrfbhn2ypwu4jahxowxrj5y3vjs5kwybhlsf5z6hgcrza624gx3aj4yd",
      key: "IIoCTkpu6IH72qtLAIJhBQV1PcO7u6zbQ42pfKZeQEaXO4bJFaSW8KeO7evdgeDPUx5WVAmg4VO2+QsT7pJALQ=="),
    LookupVector(
      address: "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e", index: 0,
      seed: "0f736e881f5ef7d1ac88183f769c7fd993536f50c542851fec6f8ac37174193c",
      label: "fp7ho3ann5gvddf6u77kjw6r6b4ry2cpfvpr5lycewj2oqxr4tymjvqd",
      key: "YDGaNgRWxJmRLFKk5DirrMV9oCESGEEl625Iif8LlUUwZw1qqFnJH/WeichlKS6DlPZB374r0RcxAclvYW+e/g=="),
    LookupVector(
      address: "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e", index: 1,
      seed: "93a8196672a51bca2bebeb22b29c7900c792c6358fcd2123cb28505575301ffe",
      label: "37uo3hzfxwtqip2h6wxmgexif3gnupvvd4rnl7ze7dumbuzioxoqqryd",
      key: "cI8Y7dU7cWOltDvReGxxMDbC/DluDrT6Zt33eWwDhmHc02hwyZ+GQ+pPGjo4nO6ZjrN8j9wxN5iLF0BnbGpSaw=="),
    LookupVector(
      address: "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e", index: 2,
      seed: "f59490c79147c274acd25ca8592e73a54dd5c7cc18844b1cd5ffbead62158d0c",
      label: "x5rcm3kknbkbwysssuo2jeoeftqbwybktymix35uygex4gnibh4hovqd",
      key: "KBkIDwAIXuACdFGAR+ma+wBrMyepCv5NYmOaoiPMrUnFWtloSVgLEUBveAKrvx9NP39CsuilReMTaJU8hm5tGQ=="),
    LookupVector(
      address: "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e", index: 3,
      seed: "4a5c87c3053da9d0dceae01f70915ec6588b79a66441da22ea4e5a4c2bbed971",
      label: "mj3rn3la6ii5yzop35xjxkqobzatlye76phwsoexff2ggfxgg4fr4hqd",
      key: "iANhw6iydBHt6y9psR487uu6plOrWxPuDJH+qqfI/V/UDUMaWYxqWKKt/M0az7eiVCtSCVU/RIHmujnv5flsZA=="),
    LookupVector(
      address: "fd87:d87e:eb43::", index: 0,
      seed: "7a916c89623e0d52ab0f54d62815211e9cbc1652b34fc9d5ec87babf22c9e734",
      label: "hhe2tsenf6n6g2ak7kkdhjbobtrd6xc33256j4eggmol4rfofkbvu6qd",
      key: "AOIhpM4kb4jN/kVUemr8GyK9bhy/ysgRuz2Z39/Wn2nqLwH+Bf1dFW3ogosX2TUldeu217x/K6Pn+gRjg5lPXQ=="),
    LookupVector(
      address: "fd87:d87e:eb43::", index: 3,
      seed: "1c7fc754a8187664f1371e83266ef36c1cf731907c3a3f5e2c7aea60ab8db415",
      label: "duqamrpyftcphh7rsyx4x2xqdng6u74vspsdj7fcjmjln3ur7rgw2lad",
      key: "oOS9ub8pUAaKD0icIEd51xxgk1wOfVjSAkP9xXB+u1cgI8W6t0Qon1hrKGSfR8qiNmMV9ltJVqt8vPvTFGenlQ=="),
    LookupVector(
      address: "fd87:d87e:eb43:ffff:ffff:ffff:ffff:ffff", index: 0,
      seed: "a608ce5c42a938ab6b973fe49ffd15103c774840f18f41ba6be3b540afe0c909",
      label: "ya2mhmb4woqhuwu6b62dvrhx3ukupysf6acs4w4r6ie7km5ohedjqiad",
      key: "SDPLxpB7ln/kPHC4oEQedG0LUW2csbbORBRCbCTC4XVtXc2D0GGohqMUy0sIeW4wa6++AqK+Z7G0zFArnRYQJw=="),
    LookupVector(
      address: "fd87:d87e:eb43:ffff:ffff:ffff:ffff:ffff", index: 3,
      seed: "2de3632b0798b7b5effedd07e1f34f2a3518f8cd2a3eb0bb66ef3c5ec02485d6",
      label: "o7xzpzhnxk6aprwskp7xgmrpgskjrhpp3fvh52ag2t3fcrn47iw2gmyd",
      key: "eNCkgaSboMqh+YmFcJxsqOuY/neVCR+TRvNc0Ng2a0cEM7Ae5hx8HfyYclMDkPeW96gZro/QyL0akpcUnos8hQ=="),
  ]
}

@Suite("The lookup service's key")
struct LookupKeyTests {
  @Test("seed, name and key follow from address and index alone", arguments: LookupVector.all)
  func vectors(_ vector: LookupVector) throws {
    let address = try IPv6Address.sample(vector.address)
    let key = try #require(LookupKey(of: address, index: vector.index))
    #expect(key.seed == (try hexadecimal(vector.seed)))
    #expect(key.name == (try OnionName(vector.label)))
    #expect(key.key.text == Array("ED25519-V3:\(vector.key)".utf8))
    #expect(LookupKey(of: address, index: vector.index) == key)
  }

  @Test("Tor's files of the service hold the key, and the name that belongs to it")
  func files() throws {
    let vector = LookupVector.all[0]
    let key = try #require(LookupKey(of: .sample(vector.address), index: vector.index))
    let files = TorKeyFiles(key.identity)
    let bytes = try #require(Base64.decode(Array(vector.key.utf8)))
    #expect(files.secretKey == Array("== ed25519v1-secret: type0 ==".utf8) + [0, 0, 0] + bytes)
    #expect(files.hostname == Array("\(vector.label).onion\n".utf8))
    #expect(try files.identity() == key.identity)
  }

  @Test("an address of another network has none, and neither has an index that nobody serves")
  func refused() throws {
    #expect(LookupKey(of: try .sample("fd87:d87e:eb44::1"), index: 0) == nil)
    #expect(LookupKey(of: .unspecified, index: 0) == nil)
    #expect(LookupKey(of: try OnionName.sample(1).address, index: 4) == nil)
    #expect(LookupKey(of: try OnionName.sample(1).address, index: 255) == nil)
  }

  @Test("no two addresses and indices share a name")
  func distinct() throws {
    var names: Set<OnionName> = []
    for number in 0..<50 {
      for index in LookupKey.indices {
        names.insert(try #require(LookupKey(of: OnionName.sample(UInt64(number)).address, index: index)).name)
      }
    }
    #expect(names.count == 200)
  }
}
