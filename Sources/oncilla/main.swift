import OverlayCore
print(try OnionName(CommandLine.arguments[1]).address)
