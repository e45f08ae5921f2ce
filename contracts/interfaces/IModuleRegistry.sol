// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IModuleRegistry
/// @notice What `chain://name@version` means: the digest of a module's bytes, and who published it.
/// This file is the manual: structs, errors, events.
/// @dev A name is 3 to 32 characters of a-z and 0-9, with single hyphens inside; anything else is refused, nothing is
/// folded. Names that look alike have the same skeleton (see {skeletonOf}); a skeleton belongs to one name for ever,
/// whoever asks for the second. A name comes into being with its first release and belongs to who published that.
///
/// `nameId` is the name itself: its ASCII bytes, left-aligned, zero-padded to 32. Versions are ordered by major, then
/// minor, then patch; 0.0.0 is no version. Time is unix seconds. Texts (URIs, warnings) are at most MAX_TEXT characters
/// of printable ASCII, so that none can break or disguise what a client shows; a page must still escape them for HTML.
///
/// Nobody owns this contract. Only its owner changes what stands under a name, and not even its owner changes a digest.
/// The registry says who published which bytes under which name. It does not say that the publisher deserves the name.
interface IModuleRegistry {
    // ------------------------------------------------------------------------------------------------- types

    /// @notice A version: ordered by major, then minor, then patch.
    struct Version {
        uint64 major;
        uint64 minor;
        uint64 patch;
    }

    /// @notice One published version of a name.
    /// @param version Which one.
    /// @param digest SHA-256 of the module's bytes. Never changes.
    /// @param metadataDigest SHA-256 of the metadata's bytes; zero where there is none. Never changes.
    /// @param publisher Who published it: the name's owner at that time. Never changes.
    /// @param publishedAt When, unix seconds.
    /// @param deprecated Whether this version (not its name) is deprecated. Never changes back.
    /// @param metadataUri Where the metadata may be found; what is found there must hash to `metadataDigest`.
    /// @param warning Why it is deprecated, and what to use instead.
    struct Release {
        Version version;
        bytes32 digest;
        bytes32 metadataDigest;
        address publisher;
        uint64 publishedAt;
        bool deprecated;
        string metadataUri;
        string warning;
    }

    /// @notice A name and what is known about it.
    /// @param name The name.
    /// @param owner Who may publish and deprecate under it.
    /// @param pendingOwner To whom the owner offers it; zero where to nobody.
    /// @param claimedAt When its first version was published, unix seconds.
    /// @param deprecated Whether the whole name is deprecated.
    /// @param releaseCount How many versions were published, deprecated ones included.
    /// @param latest The greatest version that is not deprecated; 0.0.0 where all are.
    /// @param warning Why the name is deprecated, and what to use instead.
    struct Module {
        string name;
        address owner;
        address pendingOwner;
        uint64 claimedAt;
        bool deprecated;
        uint256 releaseCount;
        Version latest;
        string warning;
    }

    // ------------------------------------------------------------------------------------------------ errors

    /// @notice A name has 3 to 32 characters.
    error NameLength(uint256 length);
    /// @notice Neither a-z nor 0-9, or a hyphen that is first, last, or beside another.
    error NameCharacter(uint256 index, bytes1 character);
    /// @notice `name` looks like `taken`, which exists.
    error NameLooksTaken(string name, string taken);
    error UnknownName(string name);
    error NotNameOwner(address caller, address owner);
    error NotPendingNameOwner(address caller, address pendingOwner);
    error NameIsDeprecated(string name);
    error NameNotDeprecated(string name);
    /// @notice 0.0.0 is no version.
    error VersionIsZero();
    error VersionExists(string name, uint64 major, uint64 minor, uint64 patch);
    error UnknownVersion(string name, uint64 major, uint64 minor, uint64 patch);
    /// @notice Every version of the name is deprecated; each can still be resolved by its number.
    error NoLiveVersion(string name);
    error DigestIsZero();
    /// @notice A deprecation says why.
    error WarningIsEmpty();
    error TextTooLong(uint256 length, uint256 limit);
    /// @notice A text has a character that is not printable ASCII (0x20 to 0x7e).
    error TextCharacter(uint256 index, bytes1 character);

    // ------------------------------------------------------------------------------------------------ events

    /// @notice A name came into being; its first release follows in the same transaction.
    event NameClaimed(bytes32 indexed nameId, address indexed owner, string name);
    event ReleasePublished(
        bytes32 indexed nameId,
        bytes32 indexed digest,
        address indexed publisher,
        uint64 major,
        uint64 minor,
        uint64 patch,
        bytes32 metadataDigest,
        string metadataUri
    );
    /// @notice A version is deprecated, or is so already and has a new warning.
    event ReleaseDeprecated(bytes32 indexed nameId, uint64 major, uint64 minor, uint64 patch, string warning);
    /// @notice A name is deprecated, or is so already and has a new warning.
    event NameDeprecated(bytes32 indexed nameId, string warning);
    event NameRestored(bytes32 indexed nameId);
    /// @notice The owner offers the name; to the zero address: to nobody any more.
    event NameOffered(bytes32 indexed nameId, address indexed owner, address indexed pendingOwner);
    event NameTransferred(bytes32 indexed nameId, address indexed previousOwner, address indexed owner);

    // ---------------------------------------------------------------------------------------------- publishing

    /// @notice Publishes a version of a name. The first one claims the name for the caller.
    /// @dev Emits {NameClaimed} for a new name, then {ReleasePublished}. Any order of versions will do: a fix of an old
    /// line may follow a newer line. Gas grows with the number of greater versions that are not deprecated.
    /// Requirements, in this order: a well-formed name; for a new name, that no other looks like it; for an existing one,
    /// that the caller owns it and that it is not deprecated; version above 0.0.0 and not yet published; digest not zero;
    /// `metadataUri` a text.
    /// @param name The name.
    /// @param version The version.
    /// @param digest SHA-256 of the module's bytes.
    /// @param metadataDigest SHA-256 of the metadata's bytes, or zero.
    /// @param metadataUri Where the metadata may be found, or empty.
    function publish(
        string calldata name,
        Version calldata version,
        bytes32 digest,
        bytes32 metadataDigest,
        string calldata metadataUri
    ) external;

    // ---------------------------------------------------------------------------------------------- deprecating

    /// @notice Warns of a version, for ever: it still resolves, visibly deprecated, and is no longer `latest`. Once more:
    /// replaces the warning. What was published wrongly deprecated can be published again under the next version.
    /// @dev Emits {ReleaseDeprecated}. Gas does not depend on how many versions there are. Requirements, in this order: a
    /// well-formed, existing name of the caller; the warning a text, not empty; the version exists.
    function deprecate(string calldata name, Version calldata version, string calldata warning) external;

    /// @notice Warns of a whole name: it still resolves, visibly deprecated, and takes no new versions until it is
    /// restored. Once more: replaces the warning.
    /// @dev Emits {NameDeprecated}. Requirements, in this order: a well-formed, existing name of the caller; the warning
    /// a text, not empty.
    function deprecateName(string calldata name, string calldata warning) external;

    /// @notice Lifts the warning of a whole name (somebody maintains it again). Those of its versions stay.
    /// @dev Emits {NameRestored}. Requirements, in this order: a well-formed, existing name of the caller; it is
    /// deprecated.
    function restoreName(string calldata name) external;

    // ----------------------------------------------------------------------------------------------- ownership

    /// @notice Offers the name to `to`, who becomes its owner by {acceptName}. Replaces an earlier offer; to the zero
    /// address: withdraws it.
    /// @dev Emits {NameOffered}. Requirements: a well-formed, existing name of the caller.
    function transferName(string calldata name, address to) external;

    /// @notice Makes the caller the owner of a name that was offered to it. Earlier releases keep their publisher.
    /// @dev Emits {NameTransferred}. Requirements: a well-formed, existing name that is offered to the caller.
    function acceptName(string calldata name) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice The greatest version that is not deprecated.
    /// @dev Requirements: a well-formed, existing name; one of its versions is not deprecated.
    function latest(string calldata name) external view returns (Version memory);

    /// @notice What `chain://name@version` stands for.
    /// @dev Requirements: a well-formed, existing name; the version exists.
    /// @return digest SHA-256 of the module's bytes.
    /// @return publisher Who published them.
    /// @return deprecated Whether the version or its whole name is deprecated.
    function resolve(string calldata name, Version calldata version)
        external
        view
        returns (bytes32 digest, address publisher, bool deprecated);

    /// @notice Everything about one version.
    /// @dev Requirements: a well-formed, existing name; the version exists.
    function release(string calldata name, Version calldata version) external view returns (Release memory);

    /// @notice The versions of a name in the order in which they were published: from `offset`, at most `limit`.
    /// @dev Requirements: a well-formed, existing name. Past the end the page is empty.
    function releases(string calldata name, uint256 offset, uint256 limit) external view returns (Release[] memory);

    /// @notice Everything about a name.
    /// @dev Requirements: a well-formed, existing name.
    function module(string calldata name) external view returns (Module memory);

    /// @notice All names in the order in which they were claimed: from `offset`, at most `limit`. Past the end: none.
    function modules(uint256 offset, uint256 limit) external view returns (Module[] memory);

    /// @notice How many names there are.
    function moduleCount() external view returns (uint256);

    /// @notice The name that stands in the way of `name`: itself, or one that looks like it; empty where it is free.
    /// @dev Requirements: a well-formed name.
    function lookAlikeOf(string calldata name) external view returns (string memory);

    /// @notice What a name looks like: hyphens left out, `0` as o, `1` and `i` as l, `2` as z, `5` as s, `8` as b, `m` as
    /// rn, `w` as vv. Two names look alike if their skeletons are equal.
    /// @dev Requirements: a well-formed name.
    function skeletonOf(string calldata name) external pure returns (string memory);

    /// @notice The name as it stands in events: ASCII, left-aligned, zero-padded.
    /// @dev Requirements: a well-formed name.
    function nameIdOf(string calldata name) external pure returns (bytes32);
}
