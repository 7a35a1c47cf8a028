// SPDX-License-Identifier: GPL-2.0

//! B: requests of a block device.

super::rules! {
    PARTS "B01" Must "5.2.6" "A request has a header of 16 bytes to read and a status byte to write.";
    FRAMING "B02" Must "5.2.6.4" "Without ANY_LAYOUT, the header and the status byte have a descriptor each.";
    TYPE_KNOWN "B03" Must "5.2.6" "A request is of a type that the specification knows.";
    TYPE_ACCEPTED "B04" Must "5.2.3" "A request is of a type whose feature was accepted.";
    DIRECTION "B05" Must "5.2.6.3" "The data of a request is either for reading or for writing, as its type has it.";
    WHOLE_SECTORS "B06" Must "5.2.6.1" "A driver reads and writes whole sectors of 512 bytes.";
    CAPACITY "B07" Must "5.2.6.1" "A driver neither reads nor writes beyond the capacity.";
    READ_ONLY "B08" Should "5.2.3" "A driver does not write to a read-only disk.";
    FLUSH_SECTOR "B09" Must "5.2.6.1" "A flush has sector 0.";
    FLUSH_DATA "B10" Should "5.2.6.1" "A flush has no data.";
    ID_LENGTH "B11" Must "5.2.6.1" "The place for a serial number has 20 bytes.";
    RANGE_LENGTH "B12" Must "5.2.6.1" "A request for ranges has whole ranges of 16 bytes.";
    RANGE_COUNT "B13" Must "5.2.6.1" "A request for ranges has no more ranges than the device takes.";
    RANGE_UNMAP "B14" Must "5.2.6.1" "A discard does not ask to unmap.";
    NO_SECTOR "B15" Should "5.2.6" "A request that needs no sector has sector 0.";
    SEGMENTS "B16" Should "5.2.3" "With SEG_MAX, a request has no more segments of data than the device takes.";
}
