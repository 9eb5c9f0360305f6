extension Counter {
  /// Whether it counts packets, frames or messages that were dropped or withheld, rather than what else happened.
  var isDrop: Bool {
    switch self {
    case .answerLimited, .nameAnswerLimited, .lanNameMalformed, .lanNameLimited, .lanNameForged, .queueFull, .queueAged,
      .lostWithCircuit, .unreachableLimited,
      .peerErrorLimited,
      .unknownName, .multicast, .loop, .returned, .foreignSource, .outsideOverlay, .falseKeepalive, .malformed,
      .deviceRefused, .tooLong, .foreignDestination, .forgedSource, .impossibleSource,
      .ownSource, .hopLimit, .unproven, .foreignKeepalive, .blocked, .remoteDiscovery, .unreadableHeaders,
      .unscrubbed,
      .foreignQuote, .doorClosed, .doorUnreadable, .doorQuote, .ipv4, .badKeepalive, .badFrame, .jumboFrame,
      .foreignFrame, .frameLoop, .taggedFrame,
      .otherFrame, .badNeighbour, .neighbourLimited, .misplacedNeighbour, .neighbourQueueFull,
      .neighbourUnreachable, .linkEventLimit, .addressRequestMalformed, .addressRequestForeign,
      .addressRequestLimited:
      true
    case .sent, .delivered, .reflected, .dialled, .granted, .dialFailed, .dialLimit, .strangerLimit, .accepted,
      .circuitLimit, .acceptLimit, .crowdedOut, .badStream, .badTorLine, .torCircuitLimit, .reassemblyLimit, .noRoom,
      .halfOpen, .packetTimeout, .idleClosed, .stalled, .asked, .answered, .orderHeld, .orderGivenUp,
      .replaced, .queueMarked, .readingLimited, .sendingLimited, .unreachable, .peerError, .fragmented, .keepalive,
      .nameConflict, .undiallableName,
      .changedClaim, .proven, .provenByEcho, .believed, .falseProof, .flowBegun, .flowEvicted, .neighbourAnswered,
      .neighbourSolicited, .neighbourTableFull, .routerAdvertisement,
      .routerSolicitation, .searched, .resolved, .searchedInVain, .falseAnswer, .nameAsked, .nameAnswered,
      .lanNameAnswered, .addressAnswered, .noAddressFree, .addressDeclined:
      false
    }
  }
}
